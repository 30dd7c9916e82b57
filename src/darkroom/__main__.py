"""The command line: `darkroom SECTION STAGE --spec JSON --INPUT PATH ... --out PATH`, and a few commands; see `--help`.

The options of a stage are the arguments of its `run`. If MLFLOW_TRACKING_URI is set, the run is tracked there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from pydantic import BaseModel, ValidationError

from darkroom import files
from darkroom.config import usage
from darkroom.fit import launch
from darkroom.job import allocator, commands, provenance, sigterm
from darkroom.job.claim import claim
from darkroom.job.commands import COMMANDS
from darkroom.log import Log, silent
from darkroom.settings import nearest
from darkroom.tracking import spool

EXPECTED = (ValueError, OSError, FloatingPointError)
"""Errors that a user can fix: shown in one line, without a traceback."""


def main(arguments: list[str] | None = None) -> int:
    """Run one stage. Exit with code 1 and one line on standard error if the input or the disk is at fault."""
    called = time.time()
    words = sys.argv[1:] if arguments is None else arguments
    stage = commands.named(words)
    if stage is None:
        return _help(words)
    options = usage.options(stage, words[len(stage.split()) :])
    module = commands.module(stage)
    try:
        if stage in COMMANDS:
            code: int | None = module.run(**options)
            return code or 0
        sigterm.end_stage()
        allocator.keep_freed_memory()
        _run(stage, module, options, words, called)
    except EXPECTED as error:
        if os.environ.get("DARKROOM_TRACEBACK"):
            raise
        print(f"darkroom {stage}: {_explained(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"darkroom {stage}: stopped", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


def _help(words: list[str]) -> int:
    """Print the commands; on standard error and with exit code 2 if no help was requested."""
    from darkroom.planning.sections import stages  # reads the configs of all sections

    if words == ["--version"]:
        print(f"darkroom {metadata.version('darkroom')}")
        return 0
    modules = {**{name: stage.module for name, stage in stages().items()}, **COMMANDS}
    asked, wanted = words[-1:] in (["-h"], ["--help"]), [word for word in words if not word.startswith("-")]
    section = wanted[0] if wanted and wanted[0] in {name.split()[0] for name in modules} else ""
    if asked and len(wanted) < 2 and bool(section) == bool(wanted):
        print(usage.overview(modules, section))
        return 0
    name = " ".join(wanted[:2])
    told = f'no stage "{name}".{nearest(name, [*modules])}\n\n' if wanted else ""
    print(told + usage.overview(modules, section), file=sys.stderr)
    return 2


def _run(stage: str, module: ModuleType, options: dict[str, Any], words: list[str], called: float) -> None:
    text = options.pop("spec")
    text = Path(text[1:]).read_text(encoding="utf-8") if text.startswith("@") else text
    spec: BaseModel = get_type_hints(module.run)["spec"].model_validate_json(text)
    training = getattr(spec, "training", None)
    if training is not None:
        launch.start(training, words)
    made_of = provenance.record(spec.model_dump(mode="json"), provenance.roots(module.__name__, spec))
    header = _header(stage, made_of, options)
    if options.get("checkpoints") is not None:
        options["checkpoints"] /= f"{stage.replace(' ', '-')}-{_digest(made_of, options)}"
    if training is not None and launch.rank(training):
        with tempfile.TemporaryDirectory() as unused:
            module.run(spec, log=silent, **{**options, "out": Path(unused, "out")})
        return
    with claim(options["out"], called=called), contextlib.ExitStack() as stack:
        log: Log = silent
        if os.environ.get(spool.URI):
            log = stack.enter_context(spool.begin(header))
        module.run(spec, log=log, **options)
        record = options["out"] / files.RECORD
        with files.telling(record, record):
            files.write_json(record, made_of)
        if {"data", "model"} <= options.keys():
            from darkroom.report import looks  # it imports pandas

            looks.note(stage, made_of["spec"], data=options["data"], model=options["model"], out=options["out"])
        if (checkpoints := options.get("checkpoints")) is not None:
            shutil.rmtree(checkpoints, ignore_errors=True)


def _digest(made_of: dict[str, Any], options: dict[str, Any]) -> str:
    """Hash a job's definition and inputs: training resumes only from a checkpoint of the same job."""
    places = [v for k, v in sorted(options.items()) if isinstance(v, Path) and k not in {"out", "checkpoints"}]
    inputs = [
        files.sha256(m)
        for p in places
        for m in sorted({p / files.MANIFEST, *p.glob(f"*/{files.MANIFEST}")})
        if m.exists()
    ]
    text = files.canonical([options["out"].as_posix(), made_of, inputs])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _header(stage: str, made_of: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Describe a run for tracking; removes the tags from the options."""
    tags = dict(options.pop("tags"))
    inputs = {k: v.as_posix() for k, v in options.items() if isinstance(v, Path) and k not in {"out", "checkpoints"}}
    return {
        "stage": stage,
        "dataset": tags.pop("dataset", "darkroom"),
        "tags": tags,
        "job": options["out"].as_posix(),
        "spec": made_of["spec"],
        "code": made_of["code"],
        "inputs": inputs,
    }


def _explained(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        problems = (f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors())
        return "the spec is not valid: " + "; ".join(problems)
    if isinstance(error, OSError) and error.strerror and error.filename is None:
        return error.strerror  # without its number
    return str(error) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
