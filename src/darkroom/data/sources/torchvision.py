"""The classification data sets that torchvision downloads."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import torchvision.datasets
from PIL import Image
from pydantic import Field

from darkroom import settings
from darkroom.data.item import SPLIT_NAMES, Contents, Item, class_name, ordered
from darkroom.data.place import KEPT
from darkroom.registry import register

SPLITS = ("train", "trainval", "val", "valid", "test")
"""Tried in this order if a set takes `split`; `trainval` only if there is no `train`."""


@register("source", "torchvision")
class Torchvision:
    """Any classification set of torchvision.datasets by class name, downloaded and verified by torchvision.

    Its train, val and test parts are given splits. Sets that need more arguments take them from `options`, such as
    {split: letters} for EMNIST.
    """

    def __init__(
        self,
        *,
        dataset: Annotated[str, Field(description="the class name, such as CIFAR10, SVHN or Flowers102")],
        options: Annotated[
            dict[str, str | int | float | bool] | None, Field(description="further arguments of that class")
        ] = None,
    ) -> None:
        self.dataset, self.options = dataset, options or {}

    def fetch(self, raw: Path) -> None:
        """Download every part."""
        (raw / KEPT).mkdir()
        for _ in self._parts(raw / KEPT, download=True):
            pass

    def contents(self, raw: Path) -> Contents:
        """Return the images part by part, in torchvision's order. Raises ValueError for sets whose targets are not classes."""
        items: list[Item] = []
        names: list[str] = []
        for part, split, data in self._parts(raw / KEPT, download=False):
            names = names or [class_name(str(name)) for name in getattr(data, "classes", None) or ()]
            width = len(str(max(len(data) - 1, 0)))
            for row, target in enumerate(_targets(data)):
                items.append(
                    Item(
                        id=f"{part}-{row:0{width}}",
                        image=_opener(data, row),
                        label=self._label(target, names),
                        split=split,
                        origin=f"{self.dataset} {part}[{row}]",
                    )
                )
        known = ordered(item.label or "" for item in items)
        return Contents(items, tuple(dict.fromkeys(names)) if names else known)

    def _parts(self, root: Path, *, download: bool) -> Iterator[tuple[str, str | None, Any]]:
        """Yield the name, split and data set of every part that the class has."""
        taken = inspect.signature(self._class().__init__).parameters
        given: dict[str, Any] = {"root": root, "download": download, **self.options}
        given = {name: value for name, value in given.items() if name in taken or name in self.options}
        if "train" in taken and "train" not in given:
            for train in (True, False):
                part = "train" if train else "test"
                yield part, part, self._built({**given, "train": train})
        elif "split" in taken and "split" not in given:
            done: set[str] = set()
            for part in SPLITS:
                split = "train" if part == "trainval" else SPLIT_NAMES[part]
                if split in done:
                    continue
                try:
                    data = self._built({**given, "split": part})
                except _NoSuchSplitError:
                    continue
                done.add(split)
                yield part, split, data
        else:
            yield "item", None, self._built(given)

    def _class(self) -> Any:
        known = [name for name in torchvision.datasets.__all__ if name[0].isupper()]
        if self.dataset not in known:
            hint = settings.nearest(self.dataset, known)
            raise ValueError(f'data.source.dataset: torchvision.datasets has no "{self.dataset}".{hint}')
        return getattr(torchvision.datasets, self.dataset)

    def _built(self, arguments: dict[str, Any]) -> Any:
        try:
            return self._class()(**arguments)
        except (ValueError, TypeError) as error:
            if "split" in arguments and f"{arguments['split']}" in str(error) and "split" in str(error).lower():
                raise _NoSuchSplitError from None
            raise ValueError(f"data.source: torchvision refuses {self.dataset} with {self.options}: {error}") from None
        except (OSError, RuntimeError) as error:
            raise ValueError(f"data.source.dataset: could not download {self.dataset}: {error}") from None

    def _label(self, target: Any, names: list[str]) -> str:
        try:
            number = int(target)
        except (TypeError, ValueError):
            raise ValueError(
                f"data.source.dataset: {self.dataset} has targets such as {target!r}; expected one class per image"
            ) from None
        return names[number] if 0 <= number < len(names) else str(number)


class _NoSuchSplitError(Exception):
    pass


def _targets(data: Any) -> Iterator[Any]:
    """Yield the class of every image, without opening the images if the set keeps a list of classes."""
    for name in ("targets", "labels", "_labels"):
        kept = getattr(data, name, None)
        if kept is not None and len(kept) == len(data):
            yield from kept
            return
    for row in range(len(data)):
        yield data[row][1]


def _opener(data: Any, row: int) -> Callable[[], Image.Image]:
    def opened() -> Image.Image:
        image: Image.Image = data[row][0]
        return image

    return opened
