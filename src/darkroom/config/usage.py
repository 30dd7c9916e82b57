"""Command-line help: one line for every command, and for every option and spec key of a stage."""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from darkroom.config.explain import Kind, words

ROOT = Path(__file__).parents[1]
OPTIONS = {
    "a": "results in use: a folder of results, a config, runs:/ID of MLflow, or a commit; see docs/compare.md",
    "allow": "how much metrics may change for the worse, such as accuracy=-0.005,nll=0.01",
    "attributes": "folder of recorded file attributes, as `data attributes` writes it",
    "b": "results that may replace them, as A",
    "by": "acquisition rule that ranks the images; docs/suggest.md lists them",
    "checkpoints": "folder for checkpoints; an interrupted training of the same job resumes from it",
    "classifier": "folder of the trained classifier whose features are used",
    "classes": "names of classes, with commas between them (default all)",
    "classifiers": "folder that contains all trained and evaluated classifiers",
    "comparison": "folder of `darkroom compare` between the champion and the challenger",
    "config": "config file",
    "copies": "folder of augmented copies to train on besides the images",
    "embedding": "folder of features, as `explore embed` writes it",
    "data": "folder of the prepared images, as `data prepare` writes it",
    "earlier": "folder that contains the trials of the search",
    "experiments": "folder of all experiments, as the other steps of `reproduce` write them",
    "features": "folder of features, as `classify features` writes it",
    "format": "format of the table: csv or parquet",
    "folds": "folder that contains the cross-validation folds of all classifiers",
    "images": "image, or folder of images",
    "judge": "folder of the classifier that judges generated images",
    "metrics": "metrics that decide, with commas between them (default: the main one; see docs/compare.md)",
    "model": "folder of the trained model",
    "models": "folder of the audit's judges, `fold-0` and so on",
    "n": "number of images (default 100, or all if there are fewer)",
    "name": "name of the config and its results (default: that of the path)",
    "options": "JSON file with the options of a checkpoint that has none",
    "path": "folder, zip or tar archive, table (CSV, TSV, Parquet), or .npz file",
    "precision": "float32, or int8 for onnx",
    "out": "where to write the result, which is replaced once it is complete",
    "rate": "folder of the range test that finds the learning rate `auto`, as `classify lr_range` writes it",
    "raw": "folder that `data fetch` has filled",
    "registered": "name of the model in MLflow's registry",
    "results": "folder of all results of the data set",
    "seed": "seed of what is drawn at random",
    "risk": "0.01 or 0.05: share of errors among the answers that are sure (default 0.05)",
    "samples": "file, or folder of files: what to apply the model to",
    "search": "folder of what a search found, as `classify search` writes it",
    "teacher": "folder of the trained classifier that the loss learns from",
    "tolerance": "share of the images that were right, of each kind, that may become wrong",
    "to": "format of the file: onnx, torch or openvino",
    "trials": "folder that contains the trials of a search",
    "unfinished": "JSON file that lists which jobs failed",
    "verdicts": "CSV file with the columns file and verdict: false alarm, miss or right",
    "view": "plain, or tta to merge several views of each image as the evaluation did",
    "weights": "folder of the pretrained weights that `weights fetch` downloads, or of the models of `pretrain train`",
    "workers": "number of processes or threads, on which no result depends",
}
"""Help for the arguments of stages and commands."""
EARLIER = {"--images": "samples"}
"""Arguments by an earlier name of their option, which still works."""
KINDS = {"int": int, "int | None": int, "float": float, "float | None": float, "str": str, "str | None": str}
"""Types of arguments by their annotation; all others are paths."""
REST = "snakemake"
"""The argument of a command that takes all words which it has no option for, to pass them on."""


def overview(modules: Mapping[str, str], section: str = "") -> str:
    """Return one line per command, given their names and modules; with a section, only for its commands."""
    lines = {name: _summary(module) for name, module in modules.items()}
    shown = {name: line for name, line in lines.items() if not section or name.split()[0] == section}
    width = max(map(len, shown))
    return "\n".join(
        [
            f"usage: darkroom {section or 'SECTION'} STEP [options]",
            "",
            *(f"  {name:{width}}  {line}" for name, line in shown.items()),
            "",
            f"darkroom {section or 'SECTION'} STEP --help describes the options; darkroom --version prints the version.",
            "To run everything that a config asks for: snakemake --configfile FILE",
        ]
    )


def options(name: str, module: ModuleType, spec: type[BaseModel] | None, words: Sequence[str]) -> dict[str, Any]:
    """Parse the words after a command's name as arguments of its module's `run`; exits with code 2 if they do not fit."""
    made, known = _parser(name, module, spec), inspect.signature(module.run).parameters
    words = [_current(word, known) for word in words]
    if REST not in known:
        return vars(made.parse_args(words))
    given, rest = made.parse_known_args(words)
    return {**vars(given), REST: rest}


def _current(word: str, known: Mapping[str, inspect.Parameter]) -> str:
    """Return a word of the command line with the current name of an option."""
    option, equals, value = word.partition("=")
    return f"--{EARLIER[option]}{equals}{value}" if EARLIER.get(option) in known else word


def _parser(name: str, module: ModuleType, spec: type[BaseModel] | None) -> argparse.ArgumentParser:
    """Return the parser of a command: the keyword-only arguments of the module's `run` are options, others positional."""
    made = _Parser(prog=f"darkroom {name}", description=(module.__doc__ or "").split("\n")[0], formatter_class=_Lines)
    made.spec = spec
    if spec is not None:
        made.add_argument("--spec", required=True, help="the job's spec as JSON, or @FILE")
        tags = "tags of the run in MLflow; `dataset` names its experiment, and `seed` numbers the runs of one method"
        made.add_argument("--tags", nargs="*", type=_tag, default=[], metavar="KEY=VALUE", help=tags)
    for option, parameter in inspect.signature(module.run).parameters.items():
        if option in {"spec", "log", REST}:
            continue
        required = parameter.default is inspect.Parameter.empty
        default = None if required else parameter.default
        text = OPTIONS.get(option, "") + ("" if default is None else f" (default {default})")
        kind = KINDS.get(parameter.annotation, Path)
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            made.add_argument(f"--{option}", type=kind, required=required, default=default, help=text)
        else:
            made.add_argument(option, metavar=option.upper(), type=kind, help=text)
    return made


class _Parser(argparse.ArgumentParser):
    """List the keys of the spec, which takes a while, only when help is requested."""

    spec: type[BaseModel] | None = None

    def format_help(self) -> str:
        keys = [] if self.spec is None else ["", "keys of the spec:", *_keys(self.spec)]
        return super().format_help() + "".join(f"{line}\n" for line in keys)


class _Lines(argparse.RawDescriptionHelpFormatter):
    """Keep an option and its description on one line."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=200)


def _keys(spec: type[BaseModel]) -> Iterator[str]:
    """Yield one line per key of a spec: its type, default and description."""
    rows: list[tuple[str, str]] = []
    for name, field in spec.model_fields.items():
        if field.default is PydanticUndefined:
            default = ", required" if field.is_required() else ""
        elif isinstance(field.default, BaseModel):
            default = ", default: its defaults"
        else:
            default = f", default {json.dumps(field.default, default=str)}"
        about = " ".join((field.description or _described(spec, name)).split())
        rows.append((name, f"{words(Kind.of_field(field))}{default}{f'. {about}' if about else ''}"))
    width = max((len(name) for name, _ in rows), default=0)
    return (f"  {name:{width}}  {text}" for name, text in rows)


def _described(spec: type[BaseModel], key: str) -> str:
    """Return a spec key's description from the config section that it is taken from."""
    from darkroom.config.reference import models  # reads the configs of all sections

    package = spec.__module__.rpartition(".")[0]
    fields = (model.model_fields.get(key) for model in models() if model.__module__.startswith(package))
    return next((field.description for field in fields if field and field.description), "")


def _summary(module: str) -> str:
    """Return the first sentence of a module's docstring without importing it."""
    path = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(re.split(r"\n\n|(?<=\.)\s", text)[0].split())
    summary = re.sub(r"^The (job|stage|command) `[^`]*`: ", "", first)
    return f"{summary[:1].upper()}{summary[1:]}"


def _tag(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f'got "{text}"; expected KEY=VALUE')
    return key, value
