"""Anomaly sets laid out like MVTec AD: good images to train on, defects to find, and masks of where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from darkroom.data import place
from darkroom.data.item import SPLIT_NAMES, Contents, readable
from darkroom.data.layout_contents import GROUND_TRUTH, anomaly_set
from darkroom.registry import register
from darkroom.settings import Sha256


@register("source", "mvtec")
class Mvtec:
    """train/good, test/good and test/DEFECT with images; ground_truth/DEFECT with masks named like the image + _mask.

    Takes one object of such a collection at a time. Validation images come from validation/good if it exists, else from
    train/good. A defect image without a mask stays, with a warning.
    """

    def __init__(
        self,
        *,
        path: Annotated[str, Field(description="the folder, or a zip or tar of it: a local path or a URL")],
        sha256: Annotated[Sha256 | None, Field(description="of the archive, checked before unpacking")] = None,
    ) -> None:
        self.path, self.sha256 = path, sha256

    def fetch(self, raw: Path) -> None:
        """Unpack the archive, or list the files of the folder."""
        place.bring(raw, self.path, self.sha256)

    def contents(self, raw: Path) -> Contents:
        """Return the images sorted by path, class `good` first. Raises ValueError for another layout."""
        listing = place.listing(raw, self.path).descend(stop=(*SPLIT_NAMES, GROUND_TRUTH))
        tops = sorted({name.split("/")[0] for name in listing.folders})
        if "train" not in tops or "test" not in tops:
            found = ", ".join(readable(top) for top in tops[:20]) or "no folders"
            raise ValueError(
                f"data.source.path: {self.path}: expected the folders train, test and {GROUND_TRUTH}, found {found}. "
                "Point the path at the folder of one object"
            )
        return anomaly_set(listing)
