"""The two samples: test images of the store that a model was made from, and new images, with everything known of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data import incoming, table
from darkroom.data.item import readable
from darkroom.data.place import Listing
from darkroom.data.store import Store
from darkroom.serve.watch import attributes
from darkroom.serve.watch.observer import Observer, Seen

Floats = NDArray[np.float64]
BATCH = 64
MOST = 1000
"""Images of each kind that are compared; of more, random ones."""
SIZES = ("width", "height")


@dataclass(frozen=True, eq=False)
class Sample:
    """Images: their names, what the model sees, and their attributes (N,) by name. All of them could be read."""

    names: list[str]
    seen: Seen
    attributes: dict[str, Floats]

    def kept(self, rows: NDArray[np.bool_]) -> Sample:
        """Return some of the images, a mask (N,)."""
        names = [name for name, keep in zip(self.names, rows, strict=True) if keep]
        return Sample(names, self.seen.kept(rows), {name: values[rows] for name, values in self.attributes.items()})


@dataclass(frozen=True)
class Unread:
    """A file that could not be read, or that the model has no finite answer for."""

    file: str
    reason: str


def reference(observer: Observer, store: Store, sizes: pd.DataFrame | None, draws: np.random.Generator) -> Sample:
    """Look at test images of a store; `sizes` has the columns id, width and height of the original images."""
    rows = observer.reference(store)
    rows = np.sort(draws.permutation(rows)[:MOST])
    batches = [np.asarray(store.samples[rows[start : start + BATCH]]) for start in range(0, len(rows), BATCH)]
    seen = Seen.joined([observer.see(batch) for batch in batches])
    found = _joined([attributes.measured(batch) for batch in batches])
    ids = store.items["id"].to_numpy()[rows]
    if sizes is not None:
        known = sizes.set_index("id").reindex(ids)
        if not known.isna().any(axis=None):
            found |= {name: known[name].to_numpy(np.float64) for name in SIZES}
    return _finite(Sample([str(id_) for id_ in ids], seen, found))[0]


def new(observer: Observer, listing: Listing, draws: np.random.Generator) -> tuple[Sample | None, list[Unread]]:
    """Look at the files of a listing, batch by batch; None if none of them can be read."""
    names = sorted(draws.permutation(np.array(listing.names, object))[:MOST].tolist())
    unread = [Unread(unused.origin, unused.reason) for unused in listing.unused]
    files: list[str] = []
    seen, measured = [], []
    for batch, sizes, some in _batches(observer, listing, names, unread):
        files += some
        seen.append(observer.see(batch))
        height, width = sizes.T.astype(np.float64)
        measured.append(attributes.measured(batch) | {"width": width, "height": height})
    if not files:
        return None, unread
    sample, strange = _finite(Sample(files, Seen.joined(seen), _joined(measured)))
    return sample, unread + [Unread(name, "the model's outputs for it are not finite") for name in strange]


def prepared(observer: Observer, listing: Listing, names: Sequence[str]) -> list[NDArray[np.uint8]]:
    """Return the prepared images (H, W, C) of readable files, given their names as text."""
    paths = {readable(name): listing.path(name) for name in listing.names}
    preparation = observer.preparation
    with incoming.quiet():
        return [preparation.apply(preparation.decode(paths[name])) for name in names]


def _batches(
    observer: Observer, listing: Listing, names: Sequence[str], unread: list[Unread]
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64], list[str]]]:
    """Yield prepared images (B, H, W, C), their own heights and widths (B, 2), and their names; list the unreadable ones.

    Every image is brought to its final size at once, so that large ones need no memory.
    """
    preparation = observer.preparation
    for start in range(0, len(names), BATCH):
        images, sizes, files = [], [], []
        for name in names[start : start + BATCH]:
            with incoming.quiet():
                one = incoming.read(name, listing.path(name), preparation)
            if one.image is None:
                unread.append(Unread(one.file, one.note))
                continue
            images.append(preparation.apply(one.image))
            sizes.append(one.image.shape[:2])
            files.append(one.file)
        end = min(start + BATCH, len(names))
        table.progress(end, len(names), last=end == len(names))
        if images:
            yield np.stack(images), np.array(sizes), files


def _joined(parts: Sequence[dict[str, Floats]]) -> dict[str, Floats]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _finite(sample: Sample) -> tuple[Sample, list[str]]:
    """Return the images that the model has finite answers for, and the names of the others."""
    finite = sample.seen.finite
    strange = [name for name, fine in zip(sample.names, finite, strict=True) if not fine]
    return (sample.kept(finite) if strange else sample), strange
