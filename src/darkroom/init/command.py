"""The command `init`: look at a set of images, recordings, texts or rows and write a config that fits."""

from __future__ import annotations

import re

from darkroom.config import load
from darkroom.init import choose, cost, find, others, sample, words, write
from darkroom.init.scene import Listed, Scene
from darkroom.ladder.config import Ladder

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def run(path: str, *, name: str | None = None) -> None:
    """Write config/NAME.yaml and print what was seen and chosen. Raises ValueError or OSError if nothing can be written."""
    path = path if path == "/" else path.rstrip("/")
    name = name or write.name_for(path)
    if not NAME.fullmatch(name):
        raise ValueError(f'--name: got "{name}"; expected letters, digits, - and _')
    target = write.free(name)
    time, ladder = None, None
    with find.opened(path) as found:
        listed = Listed(found)
        title = words.headline(listed, path)
        head = f"Written by `darkroom init` for {title}. Every key: config/README.md"
        if listed.kind == "image":
            scene = Scene(found, sample.draw(found.contents))
            facts, chosen = list(words.seen(scene)), choose.choose(scene, name=name)
            write.save(target, write.text(chosen, head))
            minutes = cost.minutes(scene, load.read(target))
            time = f"{cost.about(minutes)} on {cost.CORES} CPU cores"
            climbs = choose.uses_pretrained(scene) and any(choice.key.startswith("classify.") for choice in chosen)
            ladder = Ladder().minutes if climbs else None
        else:
            others.check(listed, path)
            facts, chosen = list(others.seen(listed)), others.choices(listed, name=name)
            write.save(target, write.text(chosen, head))
    print(words.page(title, facts, chosen[2 if listed.kind == "image" else 1 :], target, time, minutes=ladder))
