"""The stage `weights fetch`: download a backbone's pretrained weights once, check them, and record where they came from."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from darkroom import files
from darkroom.data.place import downloaded
from darkroom.log import Log
from darkroom.nets import state_dict
from darkroom.nets.backbone import Backbone
from darkroom.nets.pretrained import FETCHED, HUB, TORCHVISION
from darkroom.weights.config import FetchSpec

SOURCE = "source.json"


def run(spec: FetchSpec, *, out: Path, log: Log) -> None:
    """Store the weights as safetensors in `out`, beside a record of their source and sha256.

    Weights of the same source that `out` already has are kept, so that a re-run needs no network. Raises ValueError if the
    source cannot be reached, has another sha256, or serves anything but weights of the architecture.
    """
    with files.folder(out) as fresh:
        if _kept(spec, out):
            for name in (FETCHED, SOURCE):
                shutil.copyfile(out / name, fresh / name)
        else:
            known = _from_hub(spec.architecture) if spec.weights == HUB else _from_url(spec, fresh)
            backbone = Backbone(spec.architecture, pretrained=False)
            state_dict.fill(backbone.network, known, name=spec.architecture, path=spec.weights, spare=backbone.heads)
            save_file({name: value.contiguous().clone() for name, value in known.items()}, fresh / FETCHED)
            files.write_json(fresh / SOURCE, {**_source(spec), "stored_sha256": files.sha256(fresh / FETCHED)})
    log({"weights/megabytes": (out / FETCHED).stat().st_size / 1e6})


def _source(spec: FetchSpec) -> dict[str, str | None]:
    return {"architecture": spec.architecture, "weights": spec.weights, "sha256": spec.sha256}


def _kept(spec: FetchSpec, out: Path) -> bool:
    """Return whether `out` has the weights of this source, undamaged."""
    if not (out / SOURCE).is_file() or not (out / FETCHED).is_file():
        return False
    return bool(files.read_json(out / SOURCE) == {**_source(spec), "stored_sha256": files.sha256(out / FETCHED)})


def _from_url(spec: FetchSpec, folder: Path) -> dict[str, Tensor]:
    with downloaded(spec.weights, folder, key="weights") as got:
        found = files.sha256(got)
        if spec.sha256 is None or found != spec.sha256.lower():
            raise ValueError(f"sha256: {spec.weights} has the sha256 {found}, expected {spec.sha256}")
        try:
            return state_dict.read(got)
        except ValueError as error:
            raise ValueError(f"weights: {str(error).replace(str(got), spec.weights)}") from None


def _from_hub(architecture: str) -> dict[str, Tensor]:
    network: Any
    try:
        if architecture.startswith(TORCHVISION):
            from torchvision import models

            network = models.get_model(architecture.removeprefix(TORCHVISION), weights="DEFAULT")
        else:
            import timm

            logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it warns of each of a dozen attempts
            network = timm.create_model(architecture, pretrained=True)
    except Exception as error:  # each library and transport raises errors of its own
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ValueError(
            f"weights: could not fetch {architecture} from the hub: {reason}. Offline, set weights to a local file"
        ) from error
    found: dict[str, Tensor] = network.state_dict()
    return found
