"""Name files after `--configfile` that are missing: Snakemake reads them before its Snakefile, and shows a traceback.

The profiles call `check`, as Snakemake reads those first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

OPTIONS = ("--configfile", "--configfiles")


def check() -> None:
    """Exit with a line about the first word after `--configfile` that is not a file, if there is one."""
    for word in _config_files(sys.argv[1:]):
        if not Path(word).is_file():
            sys.exit(problem(word))


def problem(word: str) -> str:
    """Say what is wrong with a word after `--configfile` that is not a file."""
    if Path(word).suffix in (".yaml", ".yml", ".json") and not Path(word).is_dir():
        from darkroom.data import place  # checks nothing else, so most calls go without its imports

        try:
            place.existing(word, "--configfile")
        except ValueError as error:
            return str(error)
    return f"--configfile: {word} is no config file. If it is a target, put -- before it: --configfile FILE -- {word}"


def _config_files(words: Sequence[str]) -> Iterator[str]:
    """Yield the words that Snakemake takes for config files: all from `--configfile` to the next option."""
    inside = False
    for word in words:
        option, equals, value = word.partition("=")
        if word.startswith("-"):
            inside = option in OPTIONS
            if inside and equals:
                yield value
        elif inside:
            yield word
