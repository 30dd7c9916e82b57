"""The command `promote`: make the challenger of a registered model its champion, if a comparison says that it may.

The comparison must be of the very weights of the two, and promote: see `darkroom compare`. A server of `models:/NAME@champion`
loads the new version when it starts again.

MLflow has no way to move an alias only if it is still where it was. So a promotion first leaves a mark at the model, then
looks for marks of others: of two at once, at least one sees the other's and stops.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom import files
from darkroom.serve.compare.command import COMPARISON
from darkroom.tracking import database, spool

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, CHALLENGER = "champion", "challenger"
MARK = "promoting."
"""Tag of a registered model while one of its versions is promoted, followed by that version; its value is the time."""
STALE = 600
"""Seconds after which a mark was left by a promotion that died."""


def run(registered: str, *, comparison: Path = Path("comparison")) -> int:
    """Move the alias `champion` of a registered model to its challenger; `comparison` is the folder of `darkroom compare`.

    Raises ValueError if there is no challenger, or the comparison is not of these two or does not promote, and OSError if the
    registry does not answer.
    """
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    uri = spool.tracking_uri()
    if not uri:
        raise ValueError(f"no MLflow server is known; set {spool.URI}")
    database.demand(uri)
    client = MlflowClient(uri)
    try:
        print(_promote(client, registered, comparison))
    except MlflowException as error:
        reason = str(error.message).splitlines()[0][:300]
        raise OSError(f"the registry at {uri} did not answer as expected, and the champion stays: {reason}") from None
    return 0


def _promote(client: MlflowClient, name: str, comparison: Path) -> str:
    """Return what was done in words."""
    champion, challenger = _version(client, name, CHAMPION), _version(client, name, CHALLENGER)
    if challenger is None:
        holds = f"version {champion.version} is its champion" if champion else "it has no version with an alias"
        raise ValueError(f"{name} has no challenger in the registry: {holds}")
    if champion is not None and champion.version != challenger.version:
        _check(comparison, champion, challenger)
    with _alone(client, name, challenger):
        now = _version(client, name, CHAMPION)
        if (now and now.version) != (champion and champion.version):
            raise ValueError(f"{name}: the champion has just changed; compare the challenger with the new one")
        if champion is not None:
            client.set_model_version_tag(name, challenger.version, "replaces", champion.version)
        client.set_registered_model_alias(name, CHAMPION, challenger.version)
        client.delete_registered_model_alias(name, CHALLENGER)
    replaced = f", in place of version {champion.version}" if champion else ""
    return f"version {challenger.version} of {name} is its champion{replaced}"


def _version(client: MlflowClient, name: str, alias: str) -> ModelVersion | None:
    """Return the version with an alias, None if there is none. Raises ValueError for an unknown name."""
    from mlflow.exceptions import MlflowException

    try:
        found = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise ValueError(f'the registry has no model "{name}"; its name is the one in results/*/registry') from None
    version = found.aliases.get(alias)
    return None if version is None else client.get_model_version(name, str(version))


def _check(folder: Path, champion: ModelVersion, challenger: ModelVersion) -> None:
    """Raise ValueError unless a comparison is of these two and promotes."""
    path = folder / COMPARISON
    found: dict[str, Any] = files.read_json(path) if path.is_file() else {}
    ours, theirs = champion.tags.get("weights"), challenger.tags.get("weights")
    compared = [one.get("weights", {"a": [], "b": []}) for one in found.get("models", [])]
    if not any(ours in weights["a"] and theirs in weights["b"] for weights in compared):
        raise ValueError(
            f"{folder} does not compare version {challenger.version} with the champion, version {champion.version}; run: "
            f"darkroom compare models:/{champion.name}@champion models:/{champion.name}@challenger --out {folder}"
        )
    if found.get("promoted") is not True:
        raise ValueError(
            f"{folder} does not promote version {challenger.version}: it is neither clearly better than version "
            f"{champion.version} nor within the allowed margins; see {folder}/index.html"
        )


@contextlib.contextmanager
def _alone(client: MlflowClient, name: str, challenger: ModelVersion) -> Iterator[None]:
    """Hold the mark of a promotion. Raises ValueError if another promotion of this model has one."""
    own = f"{MARK}{challenger.version}.{os.getpid()}.{time.time_ns()}"
    client.set_registered_model_tag(name, own, str(int(time.time())))
    try:
        others = {
            key: value
            for key, value in client.get_registered_model(name).tags.items()
            if key.startswith(MARK) and key != own and time.time() - int(value) < STALE
        }
        if others:
            raise ValueError(f"another promotion of {name} is running; try again in a moment")
        yield
    finally:
        client.delete_registered_model_tag(name, own)
