"""The command `init`: look at a set of images and write a config that fits."""

from __future__ import annotations

import re

from darkroom.config import load
from darkroom.init import choose, cost, find, sample, words, write
from darkroom.init.scene import Scene
from darkroom.ladder.config import Ladder

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def run(path: str, *, name: str | None = None) -> None:
    """Write config/NAME.yaml and print what was seen and chosen. Raises ValueError or OSError if nothing can be written."""
    path = path if path == "/" else path.rstrip("/")
    name = name or write.name_for(path)
    if not NAME.fullmatch(name):
        raise ValueError(f'--name: got "{name}"; expected letters, digits, - and _')
    target = write.free(name)
    with find.opened(path) as found:
        scene = Scene(found, sample.draw(found.contents))
        title, facts = words.headline(scene, path), list(words.seen(scene))
        chosen = choose.choose(scene, name=name)
        head = f"Written by `darkroom init` for {title}. Every key: config/README.md"
        write.save(target, write.text(chosen, head))
        minutes = cost.minutes(scene, load.read(target))
    time = f"{cost.about(minutes)} on {cost.CORES} CPU cores"
    climbs = choose.uses_pretrained(scene) and any(choice.key.startswith("classify.") for choice in chosen)
    print(words.page(title, facts, chosen[2:], target, time, minutes=Ladder().minutes if climbs else None))
