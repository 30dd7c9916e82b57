"""Command-line help: one line for every command, and for every option and spec key of a stage."""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from darkroom.config.explain import Kind, words
from darkroom.job import commands

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
    "view": "plain (the default), or tta to merge several views of each image as the evaluation did",
    "weights": "folder of the pretrained weights that `weights fetch` downloads, or of the models of `pretrain train`",
    "workers": "number of processes or threads, on which no result depends",
}
"""Help for the arguments of stages and commands."""
KEYS = {
    "acquisition": "The acquisition rule and its options.",
    "backbone": "Fingerprint of the network's pretrained weights, so that other weights make the job stale.",
    "card": "What the model card says that no result contains.",
    "chapters": "The experiments of the page, by chapter.",
    "classifiers": "The classifiers, with the folders of their results.",
    "detectors": "The detectors, with their options.",
    "fold": "Number of the fold, from 0.",
    "folds": "Number of folds.",
    "generators": "The generators, with the folders of their results.",
    "kind": "What the model is.",
    "maker": "What makes copies of these samples.",
    "models": "The classifiers, by name.",
    "name": "Name of the data set.",
    "network": "The network and its options.",
    "policy": "The augmentation policy.",
    "seed": "Seed of everything that the job draws at random.",
    "seeds": "Seeds of the trainings, or their number.",
    "share": "Share of the training images to train on.",
    "split": "How the rows are divided.",
    "study": "The study and its options.",
    "synthetic": "What to draw, and which of the samples to keep.",
    "transform": "The transform of the copies.",
}
"""Help for keys of specs that neither the spec nor a section of the config describes; seeds are described here alone."""
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


def options(name: str, words: Sequence[str]) -> dict[str, Any]:
    """Parse the words after a command's name as arguments of its module's `run`, without those left to their defaults.

    Exits with code 2 if they do not fit.
    """
    signature = commands.signature(name)
    assert signature is not None
    known = signature.names
    made = _parser(name, signature)
    words = [_current(word, known) for word in words]
    if REST not in known:
        return vars(made.parse_args(words))
    given, rest = made.parse_known_args(words)
    return {**vars(given), REST: rest}


def _current(word: str, known: Collection[str]) -> str:
    """Return a word of the command line with the current name of an option."""
    option, equals, value = word.partition("=")
    return f"--{EARLIER[option]}{equals}{value}" if EARLIER.get(option) in known else word


def _parser(name: str, signature: commands.Signature) -> argparse.ArgumentParser:
    """Return the parser of a command: the keyword-only arguments of its `run` are options, others positional."""
    made = _Parser(prog=f"darkroom {name}", description=signature.about.split("\n")[0], formatter_class=_Lines)
    if "spec" in signature.names:
        made.stage = name
        made.add_argument("--spec", required=True, help="the job's spec as JSON, or @FILE")
        tags = "tags of the run in MLflow; `dataset` names its experiment, and `seed` numbers the runs of one method"
        made.add_argument("--tags", nargs="*", type=_tag, default=[], metavar="KEY=VALUE", help=tags)
    arguments = signature.arguments
    for positional in arguments.args:
        if positional.arg not in {"spec", REST}:
            made.add_argument(
                positional.arg, metavar=positional.arg.upper(), type=_kind(positional), help=OPTIONS.get(positional.arg)
            )
    for option, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if option.arg not in {"log", REST}:
            text = OPTIONS.get(option.arg, "") + _default(default)
            made.add_argument(
                f"--{option.arg}", type=_kind(option), required=default is None, default=argparse.SUPPRESS, help=text
            )
    return made


def _kind(argument: ast.arg) -> type:
    return KINDS.get(ast.unparse(argument.annotation) if argument.annotation else "", Path)


def _default(value: ast.expr | None) -> str:
    """Describe a default that is a literal or a path; a constant of the module is described by the option's own help."""
    if isinstance(value, ast.Call):
        value = value.args[0]
    return f" (default {value.value!s})" if isinstance(value, ast.Constant) and value.value is not None else ""


class _Parser(argparse.ArgumentParser):
    """List the keys of the spec, which takes a while, only when help is requested."""

    stage: str | None = None

    def format_help(self) -> str:
        keys: list[str] = []
        if self.stage is not None:
            spec = get_type_hints(commands.module(self.stage).run)["spec"]
            keys = ["", "keys of the spec:", *_keys(spec)]
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

    if key == "seed":
        return KEYS[key]
    package = spec.__module__.rpartition(".")[0]
    fields = (model.model_fields.get(key) for model in models() if model.__module__.startswith(package))
    return next((field.description for field in fields if field and field.description), KEYS.get(key, ""))


def _summary(module: str) -> str:
    """Return the first sentence of a module's docstring without importing it."""
    path = ROOT.joinpath(*module.split(".")[1:]).with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = " ".join(re.split(r"\n\n|(?<!et al\.)(?<=\.)\s", text)[0].split())
    summary = re.sub(r"^The (job|stage|command) `[^`]*`: ", "", first)
    return f"{summary[:1].upper()}{summary[1:]}"


def _tag(text: str) -> tuple[str, Any]:
    key, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f'got "{text}"; expected KEY=VALUE')
    return key, value
