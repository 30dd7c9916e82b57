"""What `darkroom init` prints: what it saw, and what it chose and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from darkroom.data.kind import PLURAL, SINGULAR
from darkroom.data.layout_contents import listed
from darkroom.data.words import shown
from darkroom.init.choose import Choice
from darkroom.init.sample import Sample
from darkroom.init.scene import Listed, Scene
from darkroom.init.write import flow, printable

WIDTH = 100
LABEL = 14
"""Columns of the label before each fact."""
MANY_CLASSES = 12
"""Up to this many classes are listed in full."""
LAYOUTS = {"folder": "class folders", "manifest": "a table", "npz": "arrays", "idx": "idx files"}
RECOGNIZED = "recognized: "

Fact = tuple[str, str]


def headline(scene: Listed, path: str) -> str:
    """Return what the path holds in one line."""
    count = len(scene.classes)
    labels = f"in {_many(count, 'class', 'classes')}" if count else "without labels"
    return f"{path}: {_many(scene.images, SINGULAR[scene.kind], PLURAL[scene.kind])} {labels}"


def seen(scene: Scene) -> Iterator[Fact]:
    """Yield a label and a phrase for everything that was found."""
    contents, sample = scene.found.contents, scene.sample
    yield "layout", _layout(scene)
    yield from (("", remark) for remark in (*scene.found.remarks, *contents.warnings))
    if scene.classes:
        yield "classes", classes(scene.classes)
        if scene.unlabeled:
            yield "", f"{_many(scene.unlabeled, 'image', 'images')} without a label, for explore, pretrain and semi"
        yield from (("", remark) for remark in _too_small(scene))
    yield from splits(scene)
    if scene.groups:
        yield "groups", f"{scene.groups:,}; the images of each stay in one split"
    if scene.masks:
        yield "masks", f"for {_many(scene.masks, 'image', 'images')}"
    if scene.endings:
        yield "file types", ", ".join(f"{count:,} {ending or 'without one'}" for ending, count in scene.endings.items())
    if scene.other_files:
        examples = listed([shown(unused.origin, 60) for unused in contents.unused], 3)
        total = _many(len(contents.unused), "file", "files")
        yield "ignored", f"{total}: {'; '.join(scene.other_files)} ({examples})"
    whole = sample.count + len(sample.unreadable) == scene.images
    yield "decoded", f"all {scene.images:,} images" if whole else f"{sample.count:,} of the {scene.images:,} images"
    if sample.unreadable:
        bad = listed([f"{shown(unused.origin, 60)} ({unused.reason})" for unused in sample.unreadable], 3)
        yield "unreadable", f"{len(sample.unreadable)} of these: {bad}; the run skips and lists them"
    yield "size", _sizes(scene)
    yield "color", _color(sample)
    yield "content", _content(scene)
    yield "duplicates", _duplicates(scene)


def page(
    title: str, facts: Sequence[Fact], chosen: Sequence[Choice], path: Path, time: str | None, *, minutes: float | None
) -> str:
    """Return the whole text; `time` says how long the run takes, `minutes` how long a ladder may, as far as they are known."""
    lines = [printable(title), ""]
    for label, words in facts:
        first = f"  {label}".ljust(LABEL)
        lines += _wrapped(words, first, " " * LABEL)
    lines += ["", f"Wrote {path}:", ""]
    for choice in chosen:
        lines.append(f"  {choice.key}: {flow(choice.value)}".rstrip(": "))
        lines += _wrapped(choice.why, " " * 6, " " * 6)
    lines += ["", f"Run it ({time}):" if time else "Run it:", f"  uv run snakemake --configfile {path}"]
    if minutes:
        lines += ["", f"Compare simple and expensive ways to classify ({minutes:g} minutes of work at most):"]
        lines.append(f"  uv run darkroom ladder {path}")
    return "\n".join(lines)


def _wrapped(words: str, first: str, indent: str) -> list[str]:
    return textwrap.wrap(
        printable(words), WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
    )


def _layout(scene: Scene) -> str:
    notes = scene.found.contents.notes
    recognized = any(note.startswith(RECOGNIZED) for note in notes)
    plain = [] if recognized else [LAYOUTS[scene.found.source["name"]]]
    return "; ".join([*plain, *(note.removeprefix(RECOGNIZED) for note in notes)])


def classes(counts: Mapping[str, int]) -> str:
    """List the classes with their sizes, the largest first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    named = [f"{shown(name)} {count:,}" for name, count in ordered]
    if len(named) > MANY_CLASSES:
        named = [*named[:4], f"{len(named) - 7:,} more", *named[-3:]]
    ratio = ordered[0][1] / ordered[-1][1]
    return ", ".join(named) + (f" (imbalance {ratio:.0f}:1)" if ratio >= 1.5 else "")


def _too_small(scene: Scene) -> Iterator[str]:
    """Name the classes with too few images to be in every split that is drawn."""
    needed = 1 + len(scene.missing_parts)
    if small := [f"{shown(name)} ({count})" for name, count in scene.trained.items() if count < needed]:
        yield (
            f"Too few images to train on and to be in every split: {listed(small, 5)}. Add images to these classes, or "
            "remove them."
        )


def splits(scene: Listed) -> Iterator[Fact]:
    """Yield the parts that the source gives."""
    if not scene.splits:
        return
    missing = scene.missing_parts
    found = ", ".join(f"{part} {count:,}" for part, count in scene.splits.items())
    yield "splits", found + (f"; no {' or '.join(missing)}, which is drawn from train" if missing else "")
    if scene.only_val:
        yield "", "The one part held out, val, is used for testing."


def _sizes(scene: Scene) -> str:
    (height, width), sizes = scene.size, scene.sample.sizes
    if scene.one_size:
        return f"{width}×{height}"
    pixels = sizes.prod(axis=1)
    small, large = sizes[pixels.argmin()], sizes[pixels.argmax()]
    return f"{small[1]}×{small[0]} to {large[1]}×{large[0]}, typically {width}×{height}"


def _color(sample: Sample) -> str:
    if sample.color in (0, sample.count):
        return "color" if sample.color else "gray"
    return f"{sample.color:,} of {_many(sample.count, 'image', 'images')}; the gray ones are stored in color too"


def _content(scene: Scene) -> str:
    kind = "photographs" if scene.photographs else "drawings or symbols"
    levels, flat = scene.sample.levels, scene.sample.flat
    return (
        f"looks like {kind}: the median image has {levels:.0f} gray levels, and the most common one covers {flat:.0%}"
    )


def _duplicates(scene: Scene) -> str:
    sample = scene.sample
    found = [_many(sample.copies, "exact copy", "exact copies")]
    found.append(_many(sample.twins, "image with a near-duplicate", "images with near-duplicates"))
    if sample.conflicting:
        found.append(_many(sample.conflicting, "picture", "pictures") + " with copies in another class")
    if sample.torn and scene.splits:
        pairs = _many(sample.torn, "pair is", "pairs are")
        found.append(f"{pairs} in two of your splits, which inflates test results: see data.split.regroup")
    elif sample.twins or sample.copies:
        found.append("the run keeps them in one split")
    return "; ".join(found)


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one}" if count == 1 else f"{count or 'no'} {more}" if count < 1000 else f"{count:,} {more}"
