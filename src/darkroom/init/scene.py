"""Everything `darkroom init` knows about a set of images when it chooses a config."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import cast

import numpy as np

from darkroom import registry
from darkroom.data.kind import SampleKind
from darkroom.data.words import shown
from darkroom.init.find import Found
from darkroom.init.sample import Sample
from darkroom.init.symmetry import is_directed

PHOTO_LEVELS = 64
"""A photograph has at least this many gray levels: drawings, scans and icons have fewer."""
FLAT = 0.4
"""Gray images with more of their area at one level are symbols on a background, such as digits."""
SIDES = {"left", "right", "up", "down", "top", "bottom", "clockwise", "counterclockwise", "upright", "flipped"}
"""Words in class names that a flip contradicts."""


@dataclass(frozen=True, eq=False)
class Listed:
    """A source and its samples, of any kind."""

    found: Found

    @property
    def kind(self) -> SampleKind:
        """What the samples are."""
        return cast(SampleKind, registry.entry("source", self.found.source["name"]).gives)

    @property
    def images(self) -> int:
        """The number of images, or other samples."""
        return len(self.found.contents.items)

    @cached_property
    def classes(self) -> dict[str, int]:
        """Images per class, in label order, without empty classes."""
        counts = Counter(item.label for item in self.found.contents.items)
        return {name: counts[name] for name in self.found.contents.classes if counts[name]}

    @cached_property
    def splits(self) -> dict[str, int]:
        """Images per given split; images without one are not counted."""
        return dict(Counter(item.split for item in self.found.contents.items if item.split))

    @cached_property
    def endings(self) -> dict[str, int]:
        """Images per file name extension, most frequent first; none for arrays."""
        names = [PurePosixPath(item.origin) for item in self.found.contents.items if not item.origin.endswith("]")]
        return dict(Counter(name.suffix.lower() for name in names).most_common())

    @cached_property
    def groups(self) -> int:
        """Groups that the source names."""
        return len({item.group for item in self.found.contents.items if item.group})

    @cached_property
    def masks(self) -> int:
        """Images with a mask."""
        return sum(item.mask is not None for item in self.found.contents.items)

    @cached_property
    def unlabeled(self) -> int:
        """Images without a label."""
        return sum(item.label is None for item in self.found.contents.items)

    @property
    def anomaly_set(self) -> bool:
        """Whether there is one class to train on and others to test on, as in MVTec AD."""
        return len(self.trained) == 1 < len(self.classes)

    @cached_property
    def trained(self) -> dict[str, int]:
        """Images per class among those that training, or a split without a given one, can use."""
        counts = Counter(item.label for item in self.found.contents.items if item.split in (None, "train"))
        return {name: counts[name] for name in self.classes if counts[name]}

    @property
    def other_files(self) -> dict[str, int]:
        """What else is there, by the reason why it is not used."""
        return dict(Counter(reason for _, reason in self.found.contents.unused).most_common())

    @property
    def missing_parts(self) -> list[str]:
        """The parts among validation and test that are drawn at random, since the source does not give them."""
        given = {"test" if self.only_val and part == "val" else part for part in self.splits}
        return [part for part in ("val", "test") if part not in given]

    @property
    def only_val(self) -> bool:
        """Whether the source's own split holds out one part, which it calls validation: images to test on."""
        return "val" in self.splits and "test" not in self.splits


@dataclass(frozen=True, eq=False)
class Scene(Listed):
    """A source, its images and a sample of their pixels."""

    sample: Sample

    @cached_property
    def size(self) -> tuple[int, int]:
        """The median height and width."""
        height, width = np.median(self.sample.sizes, axis=0)
        return round(height), round(width)

    @cached_property
    def one_size(self) -> bool:
        """Whether all sampled images have one size."""
        return bool((self.sample.sizes == self.sample.sizes[0]).all())

    @cached_property
    def one_shape(self) -> bool:
        """Whether all sampled images have one height over width, within two percent."""
        ratios = self.sample.sizes[:, 0] / self.sample.sizes[:, 1]
        return bool(ratios.max() <= 1.02 * ratios.min())

    @property
    def photographs(self) -> bool:
        """Whether the images have the tones of photographs, as opposed to drawings, symbols and digits."""
        mostly_color = 2 * self.sample.color > self.sample.count
        return self.sample.levels >= PHOTO_LEVELS and (mostly_color or self.sample.flat < FLAT)

    @property
    def characters(self) -> bool:
        """Whether the classes are named like digits or letters; two classes may be numbered without being digits."""
        return len(self.classes) > 2 and all(re.fullmatch(r"[0-9A-Za-z]", name) for name in self.classes)

    @cached_property
    def sides(self) -> list[str]:
        """Class names that contain a direction."""
        words = {name: set(re.findall(r"[a-z]+", name.lower())) for name in self.classes}
        return [name for name, inside in words.items() if inside & SIDES]

    @property
    def mirrors(self) -> bool:
        """Whether a mirror image looks like another image of the set and keeps its label."""
        return not self.characters and not self.sides and is_directed(self.sample.sided) is not True

    @property
    def turns(self) -> bool:
        """Whether an upside-down image looks like another image of the set and keeps its label."""
        return self.mirrors and is_directed(self.sample.upright) is False

    @property
    def about_upright(self) -> str:
        """Why images are not flipped upside down."""
        accuracy = self.sample.upright
        seen = f"a linear classifier can tell {accuracy['value']:.0%} of {self.sample.count} images from their flipped copies"
        if is_directed(accuracy):
            return f"the images have an up and a down: {seen} (chance: 50%)"
        return f"the images may have an up and a down: {seen} (95% interval {accuracy['low']:.0%} to {accuracy['high']:.0%})"

    @property
    def about_sides(self) -> str:
        """Why images are, or are not, mirrored and flipped upside down."""
        if self.characters:
            return "no flips: the classes are named like digits or letters"
        if self.sides:
            return f"no flips: the class {shown(self.sides[0])} names a direction"
        share = f"{self.sample.sided['value']:.0%} of {self.sample.count} images"
        seen = f"a linear classifier can tell {share} from their mirror images"
        if not self.mirrors:
            return f"no flips: the images have a left and a right; {seen} (chance: 50%)"
        if self.turns:
            other = f"{self.sample.upright['value']:.0%} from their upside-down copies"
            return f"the images have no orientation: {seen} and {other} (chance: 50%)"
        return f"mirrored images look like the others: {seen} (chance: 50%)"
