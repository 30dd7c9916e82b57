"""What `darkroom init` prints: what it saw, and what it chose and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from darkroom.data.layout_contents import listed
from darkroom.data.summary import shown
from darkroom.init.choose import Choice
from darkroom.init.scene import Scene
from darkroom.init.write import flow

WIDTH = 100
LABEL = 14
"""Columns of the label before each fact."""


def headline(scene: Scene, path: str) -> str:
    """Return what the path holds in one line."""
    classes = len(scene.classes)
    labels = "without labels" if not classes else "in 1 class" if classes == 1 else f"in {classes:,} classes"
    return f"{path}: {scene.images:,} {'image' if scene.images == 1 else 'images'} {labels}"


def seen(scene: Scene) -> Iterator[tuple[str, str]]:
    """Yield a label and a sentence for everything that was found."""
    contents, sample = scene.found.contents, scene.sample
    notes = [note.removeprefix("recognized: ") for note in contents.notes]
    plain = {"manifest": "a table", "npz": "arrays", "idx": "idx files"}.get(
        scene.found.source["name"], "class folders"
    )
    recognized = any(note.startswith("recognized: ") for note in contents.notes)
    yield "layout", "; ".join([*([] if recognized else [plain]), *notes])
    yield from (("", f"{remark[:1].upper()}{remark[1:]}.") for remark in (*scene.found.remarks, *contents.warnings))
    if scene.classes:
        yield "classes", _classes(scene.classes)
    if scene.splits:
        yield "splits", ", ".join(f"{part} {count:,}" for part, count in scene.splits.items())
        yield from _about_splits(scene)
    if scene.groups:
        yield "groups", f"{scene.groups:,}; the images of each stay in one split"
    if scene.masks:
        yield "masks", f"{scene.masks:,} images have one"
    if scene.endings:
        yield (
            "files",
            ", ".join(f"{count:,} {ending or 'without extension'}" for ending, count in scene.endings.items()),
        )
    if scene.other_files:
        examples = listed([shown(unused.origin, 60) for unused in contents.unused], 3)
        yield "not used", f"{sum(scene.other_files.values()):,} files: {listed(scene.other_files)} ({examples})"
    whole = sample.count + len(sample.unreadable) == scene.images
    yield "looked at", f"{'all' if whole else f'{sample.count:,} of the'} {scene.images:,} images"
    if sample.unreadable:
        bad = listed([f"{shown(unused.origin, 60)} ({unused.reason})" for unused in sample.unreadable], 3)
        yield "unreadable", f"{len(sample.unreadable)} of these: {bad}; the run leaves them out and lists them"
    yield "size", _sizes(scene)
    yield "color", _color(scene)
    yield "repeats", _repeats(scene)


def _classes(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    if len(ordered) > 12:
        middle = f"{len(ordered) - 7} more, "
        text = ", ".join(f"{shown(n)} {c:,}" for n, c in ordered[:4]) + f", {middle}"
        text += ", ".join(f"{shown(n)} {c:,}" for n, c in ordered[-3:])
    else:
        text = ", ".join(f"{shown(name)} {count:,}" for name, count in ordered)
    ratio = ordered[0][1] / ordered[-1][1]
    return text + (f": {ratio:.0f} to 1" if ratio >= 1.5 else "")


def _about_splits(scene: Scene) -> Iterator[tuple[str, str]]:
    missing = scene.missing_parts
    if "test" in missing and "val" in scene.splits:
        yield "", "There is no test part, so one is drawn from train. If val is meant for testing, rename it to test."
    elif missing:
        yield "", f"There is no {' and no '.join(missing)} part, so it is drawn from train."


def _sizes(scene: Scene) -> str:
    height, width = scene.size
    sizes = scene.sample.sizes
    if scene.one_size:
        return f"{width}×{height}"
    pixels = sizes.prod(axis=1)
    small, large = sizes[pixels.argmin()], sizes[pixels.argmax()]
    return f"{width}×{height} is typical, from {small[1]}×{small[0]} to {large[1]}×{large[0]}"


def _color(scene: Scene) -> str:
    sample = scene.sample
    if not sample.color:
        kind = "gray"
    elif sample.color == sample.count:
        kind = "color"
    else:
        kind = f"color in {sample.color:,} of {sample.count:,} images; gray ones are stored in color too"
    tones = f"{sample.levels:.0f} gray levels, and the most common one fills {sample.flat:.0%} of it"
    photos = "like photographs" if scene.photographs else "drawings or symbols rather than photographs"
    return f"{kind}; {photos}: a typical image has {tones}"


def _repeats(scene: Scene) -> str:
    sample = scene.sample
    found = [
        _many(sample.copies, "exact copy", "exact copies"),
        _many(sample.twins, "image with a near-duplicate", "images with a near-duplicate"),
    ]
    if sample.conflicting:
        found.append(_many(sample.conflicting, "picture", "pictures") + " with copies in another class")
    if sample.torn and scene.splits:
        pairs = _many(sample.torn, "pair lies", "pairs lie")
        found.append(f"{pairs} in two of your splits, so test results will be too good; see data.split.regroup")
    elif sample.twins or sample.copies:
        found.append("they stay in one split")
    return "; ".join(found)


def _many(count: int, one: str, more: str) -> str:
    return f"{count:,} {one}" if count == 1 else f"{count or 'no'} {more}"


def page(title: str, facts: Sequence[tuple[str, str]], chosen: Sequence[Choice], path: Path, time: str) -> str:
    """Return the whole text; `time` says how long the run takes."""
    lines = [title, ""]
    for label, words in facts:
        lines += _paragraph(label, words)
    lines += ["", f"wrote {path}", ""]
    for choice in chosen:
        lines.append(f"  {choice.key}: {flow(choice.value)}".rstrip(": "))
        lines += textwrap.wrap(choice.why, WIDTH, initial_indent="      ", subsequent_indent="      ")
    command = f"uv run snakemake --configfile {path}"
    return "\n".join([*lines, "", f"run it ({time}):", f"  {command}"])


def _paragraph(label: str, words: str) -> list[str]:
    indent = " " * LABEL
    first = f"  {label}".ljust(LABEL)
    return textwrap.wrap(words, WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)
