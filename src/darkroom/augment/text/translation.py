"""Back-translation: to another language and back, by any program that translates line by line.

As an augmentation: Sennrich et al. 2016 (arXiv 1511.06709), Xie et al. 2020 (arXiv 1904.12848).
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from typing import Annotated

from numpy.random import Generator
from pydantic import Field

from darkroom.augment.options import Amount
from darkroom.augment.text.change import Changed
from darkroom.registry import register

HINT = "apt-get install apertium-eng-spa"


@register("transform", "back_translation")
class BackTranslation:
    """Translate to another language and back: a paraphrase, as good as the translator.

    Both commands read lines from standard input and write as many to standard output; they run once for all texts. A program
    that paraphrases in one step takes the place of both. Copies depend on the programs' versions, which the spec does not
    contain: delete the copies after an upgrade.
    """

    TAKES = ("text",)

    def __init__(
        self,
        *,
        there: Annotated[
            list[str], Field(min_length=1, description="command that translates: program and arguments")
        ] = ["apertium", "-u", "eng-spa"],  # noqa: B006
        back: Annotated[
            list[str] | None, Field(min_length=1, description="command that translates back; null for none")
        ] = ["apertium", "-u", "spa-eng"],  # noqa: B006
        p: Annotated[
            float, Field(gt=0, le=1, description="probability of applying the transform"), Amount("back_translation")
        ] = 0.5,
    ) -> None:
        self.commands = [there, *([back] if back else [])]
        self.p = p

    def __call__(self, texts: Sequence[str], draws: Sequence[Generator]) -> list[Changed]:
        """Translate the texts that are drawn, equal ones once."""
        drawn = [own.random() < self.p for own in draws]
        wanted = list(dict.fromkeys(flat(text) for text, chosen in zip(texts, drawn, strict=True) if chosen))
        lines = wanted
        for command in self.commands:
            lines = translated(command, lines)
        new = dict(zip(wanted, lines, strict=True))
        return [
            Changed(new[flat(text)], {})
            if chosen and new[flat(text)].strip() not in ("", flat(text))
            else Changed(text, None)
            for text, chosen in zip(texts, drawn, strict=True)
        ]


def flat(text: str) -> str:
    """Return a text on one line."""
    return " ".join(text.split())


def translated(command: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Run a program on lines and return its own. Raises ValueError if it is missing, fails, or writes more or fewer lines."""
    if not lines:
        return []
    what = f"back_translation: {' '.join(command)}"
    program = shutil.which(command[0])
    if program is None:
        hint = f"; install it with `{HINT}` (Debian, Ubuntu), or name" if command[0] == "apertium" else "; name"
        raise ValueError(f"{what}: there is no program {command[0]}{hint} another program in `there` and `back`")
    ran = subprocess.run(
        [program, *command[1:]],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if ran.returncode:
        said = " ".join(ran.stderr.split())[:300]
        raise ValueError(f"{what}: exit status {ran.returncode}: {said}")
    found = ran.stdout.removesuffix("\n").split("\n")
    if len(found) != len(lines):
        raise ValueError(f"{what}: got {len(found)} lines for {len(lines)}; expected one for each")
    return [line.strip() for line in found]
