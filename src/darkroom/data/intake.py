"""Samples from Python, arrays or files, brought to the form that a model was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from darkroom.data import incoming, new_rows
from darkroom.data.item import UnreadableError
from darkroom.data.kind import PLURAL, SINGULAR, SampleKind, Shape
from darkroom.data.place import Listing
from darkroom.data.store import PREPARATION

Samples = NDArray[Any] | Sequence[str | Path]
"""An array of N samples as a store holds them, such as uint8 images (N, H, W, C), or a list of their files. For a model of
texts, strings are the texts themselves."""
BATCH = 64
"""Samples in memory at a time."""
TYPES: dict[SampleKind, type[Any]] = {"image": np.uint8, "audio": np.int16, "text": np.int32, "table": np.float32}


@dataclass(frozen=True)
class Intake:
    """Brings samples to the form that the model in `folder` was trained on, by the data set's own preparation."""

    folder: Path
    shape: Shape
    kind: SampleKind

    def batches(self, samples: Samples) -> Iterator[NDArray[Any]]:
        """Yield prepared batches (B, ...). Raises ValueError for other arrays and for files that cannot be read."""
        array = self.array(samples)
        if array is not None:
            for start in range(0, len(array), BATCH):
                yield self._fitted(array[start : start + BATCH])
            return
        paths = self.paths(cast("Sequence[str | Path]", samples))
        if self.kind not in new_rows.KINDS:
            for start in range(0, len(paths), BATCH):
                yield self._decoded(paths[start : start + BATCH])
            return
        for rows in new_rows.batches(self.kind, self.folder, self.listing(paths)):
            if rows.samples is None:
                raise ValueError(f"{rows.names[0]}: {rows.note}")
            yield rows.samples

    def array(self, samples: Samples) -> NDArray[Any] | None:
        """Return samples that are given themselves as one array; None if files are given."""
        if isinstance(samples, np.ndarray):
            self._some(samples)
            return samples
        if self.kind != "text" or isinstance(samples, str) or not all(isinstance(one, str) for one in samples):
            return None
        from darkroom.data.text.incoming import read_intake

        self._some(samples)
        return read_intake(self.folder).samples([str(text) for text in samples])

    def paths(self, samples: Sequence[str | Path]) -> list[Path]:
        """Return the paths of files. Raises ValueError if there are none, or for a single one instead of a list."""
        if isinstance(samples, str | Path):
            what = "text" if self.kind == "text" and isinstance(samples, str) else "path"
            texts = "texts or " if self.kind == "text" else ""
            raise ValueError(
                f"got the {what} {str(samples)!r}; expected a list of {texts}paths, or an array {self._expected}"
            )
        self._some(samples)
        return [Path(path) for path in samples]

    def listing(self, paths: Sequence[Path]) -> Listing:
        """Return these files as a listing."""
        return Listing(Path(), tuple(map(str, paths)), ())

    def _some(self, samples: Samples) -> None:
        if not len(samples):
            raise ValueError(f"got no {PLURAL[self.kind]}")

    @property
    def _expected(self) -> str:
        """The array that is expected, in words."""
        one = {"image": f"H, W, {self.shape[0]}", "table": str(len(self.shape))}.get(self.kind, str(self.shape[0]))
        return f"(N, {one}) of {np.dtype(TYPES[self.kind])}"

    def _fitted(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return an array of the model's own shape; only images are resized to it."""
        image = self.kind == "image"
        whole = {"image": (*self.shape[1:], self.shape[0]), "table": (len(self.shape),)}.get(self.kind, self.shape[:1])
        resized = image and array.ndim == 4 and array.shape[3] == self.shape[0]
        if array.dtype != TYPES[self.kind] or not (resized or array.shape[1:] == whole):
            raise ValueError(f"got an array of shape {array.shape} and type {array.dtype}; expected {self._expected}")
        if array.shape[1:] == whole:
            return array
        return incoming.prepared(list(array), self._preparation(f"images of {array.shape[1:3]}"))

    def _decoded(self, paths: Sequence[Path]) -> NDArray[Any]:
        preparation = self._preparation(str(paths[0]))
        decoded = []
        for path in paths:
            try:
                decoded.append(preparation.decode(path))
            except UnreadableError as problem:
                raise ValueError(f"{path}: {problem}") from None
        return incoming.prepared(decoded, preparation)

    def _preparation(self, what: str) -> incoming.Prepares:
        if not (self.folder / PREPARATION).is_file():
            raise ValueError(
                f"{what} cannot be prepared: the model's folder has no {PREPARATION}. Train it again, or pass every "
                f"{SINGULAR[self.kind]} as the data set has them, as an array {self._expected}"
            )
        return incoming.read_preparation(self.folder)
