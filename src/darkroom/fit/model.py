"""Models on disk: weights, and what is needed to rebuild the network."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from darkroom import files, registry
from darkroom.data.kind import SampleKind
from darkroom.data.store import release
from darkroom.data.target import Target, read_target
from darkroom.fit.batches import as_tensor
from darkroom.nets import state_dict
from darkroom.nets.estimator import Estimator
from darkroom.nets.rescale import rescaled
from darkroom.settings import Section

Item = TypeVar("Item")
Made = TypeVar("Made")
WEIGHTS, ABOUT, HISTORY, STEPS = "weights.pt", "model.json", "history.csv", "steps.csv"
DIAGNOSTICS = "diagnostics.csv"
AGAIN = "train the model again to use it here"


@dataclass(frozen=True)
class Fitted:
    """What training returns besides the weights. `history` has one row per epoch, `steps` one every few steps; times are
    measured on the current machine."""

    history: pd.DataFrame
    steps: pd.DataFrame
    seconds: float
    images_per_second: float
    precision: str
    channels_last: bool
    diagnostics: pd.DataFrame | None = None
    """One row per measured step and layer, see `fit.diagnostics`."""


@dataclass(frozen=True)
class About:
    """The description in a model folder, including the shape, (C, H, W) of images, and classes that the model was built for."""

    kind: str
    """The plug-in's kind: `network`, `generator` or `detector`."""
    plugin: dict[str, Any]
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    precision: str
    channels_last: bool
    target: Target
    """What the model predicts; its names are those of the outputs."""
    link: str = "softmax"
    """How the outputs of a network become probabilities: the `LINK` of the loss that trained it, `softmax`, `sigmoid` or
    `identity`."""
    samples: SampleKind = "image"
    """What the model takes."""

    @property
    def what(self) -> str:
        """What the model is, in words."""
        kinds = {"network": "a classifier", "generator": "a generator", "detector": "an anomaly detector"}
        return kinds[self.kind]


def save_model(
    folder: Path,
    network: nn.Module,
    *,
    plugin: Section,
    shape: tuple[int, ...],
    classes: tuple[str, ...],
    fitted: Fitted | None,
    target: Target | None = None,
    link: str = "softmax",
    samples: SampleKind = "image",
) -> None:
    """Write weights, description, history and times into a stage's folder; `fitted` is None for closed-form fits.

    `target` is needed for models of labels or numbers; `link` says how the outputs become probabilities.
    """
    save_weights(folder, network)
    about = {
        "darkroom": _version(),
        "kind": plugin.__class__.plugin[0],  # type: ignore[attr-defined]
        "plugin": plugin.model_dump(mode="json"),
        "samples": samples,
        "shape": list(shape),
        "classes": list(classes),
        "parameters": sum(p.numel() for p in network.parameters()),
        **({"learned": network.learned} if isinstance(network, Estimator) and network.learned else {}),
        "precision": fitted.precision if fitted else "none",
        "channels_last": fitted.channels_last if fitted else False,
        **(target.saved() if target else {}),
        "link": link,
    }
    files.write_json(folder / ABOUT, about)
    if fitted:
        fitted.history.to_csv(folder / HISTORY, index=False)
        fitted.steps.to_csv(folder / STEPS, index=False)
        if fitted.diagnostics is not None:
            fitted.diagnostics.to_csv(folder / DIAGNOSTICS, index=False)
        times = {"seconds": fitted.seconds, "images_per_second": fitted.images_per_second}
        files.write_json(folder / files.TIMING, times)


def save_weights(folder: Path, network: nn.Module) -> None:
    """Write the weights alone into a model's folder, in place of any other."""
    weights = {name: value.contiguous().cpu() for name, value in network.state_dict().items()}
    (folder / WEIGHTS).unlink(missing_ok=True)
    files.reserve(folder / WEIGHTS, sum(value.nbytes for value in weights.values()))
    torch.save(weights, folder / WEIGHTS)


def read_about(folder: Path) -> About:
    """Read a model folder's description. Raises FileNotFoundError if no training ever finished there, ValueError naming the
    version of Darkroom that wrote it if this one does not read it.

    A model without a manifest is the last good one: Snakemake removes the manifest before retraining, and the folder is
    replaced once training has finished.
    """
    about = described(folder)
    try:
        return About(
            about["kind"],
            about["plugin"],
            tuple(map(int, about["shape"])),
            tuple(about["classes"]),
            about["precision"],
            about["channels_last"],
            read_target(about),
            about.get("link", "softmax"),
            about.get("samples", "image"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign(folder, about, f"does not read its {ABOUT} ({type(error).__name__}: {error})") from None


def described(folder: Path) -> dict[str, Any]:
    """Return a model folder's description as it was saved. Raises like `read_about`."""
    if not (folder / ABOUT).is_file():
        raise FileNotFoundError(f"{folder} contains no {ABOUT}: the stage that writes it has not run or did not finish")
    found: dict[str, Any] = files.read_json(folder / ABOUT)
    if not isinstance(found, dict):
        raise ValueError(f"{folder / ABOUT} is damaged: it holds no description; copy the folder again, or {AGAIN}")
    if found.get("kind") not in ("network", "generator", "detector"):
        raise _foreign(folder, {"darkroom": "0.1"} | found, "does not know this kind of model")
    if "name" not in (found.get("plugin") or ()):
        raise _foreign(folder, found, f"does not read its {ABOUT} (no name of a {found['kind']})")
    return found


def _foreign(folder: Path, about: dict[str, Any], problem: str) -> ValueError:
    """Return the error for a model that this version of Darkroom does not read."""
    wrote = about.get("darkroom", "of an earlier version")
    return ValueError(
        f"{folder} was written by Darkroom {wrote}; this is {_version()}, which {problem}: use that version, or {AGAIN}"
    )


def saved_options(folder: Path) -> Section:
    """Return the options of the plug-in that the model in a folder was built from.

    Raises ValueError naming the version of Darkroom that wrote them, if this one does not know the plug-in or an option.
    """
    about = described(folder)
    kind, plugin = about["kind"], about["plugin"]
    try:
        return registry.options(kind, plugin["name"]).model_validate(plugin)
    except ValidationError as error:
        reason = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    except ValueError as error:
        reason = str(error)
    raise _foreign(folder, about, f"does not know the {kind} {plugin['name']} as it was saved ({reason})")


def _version() -> str:
    try:
        return metadata.version("darkroom")
    except metadata.PackageNotFoundError:
        return "without a version"


def parts(folder: Path) -> tuple[Path, Path]:
    """Return the folders of the model and of its evaluation, which may not exist, from a seed's or a model's folder.

    Raises FileNotFoundError if there is no trained model.
    """
    for model, evaluation in ((folder / "model", folder / "evaluation"), (folder, folder.parent / "evaluation")):
        if (model / ABOUT).is_file():
            return model, evaluation
    raise FileNotFoundError(
        f"{folder} holds no trained model ({ABOUT}); give the folder of a seed, such as "
        "results/NAME/classify/POLICY/MODEL/seed-0"
    )


def intact_weights(folder: Path) -> str:
    """Return the sha256 of a model's weights. Raises ValueError if they are not those that its stage wrote."""
    weights = files.sha256(folder / WEIGHTS)
    if (folder / files.MANIFEST).exists() and files.read_manifest(folder)[WEIGHTS] != weights:
        raise ValueError(
            f"{folder / WEIGHTS} differs from the file that its manifest lists; copy the folder or train it again"
        )
    return weights


def say_if_kept(folder: Path) -> None:
    """Warn on standard error if a folder holds the last good model instead of the one that the config asks for."""
    if not (folder / files.MANIFEST).exists():
        print(
            f"{folder} is the last good model: its retraining failed, was interrupted or is still running",
            file=sys.stderr,
        )


def load_weights(folder: Path, network: nn.Module) -> nn.Module:
    """Load the saved weights into a network of the same architecture and set it to eval mode; never runs pickled code.

    Raises ValueError for a file that contains anything but tensors, RuntimeError for weights of another architecture.
    """
    network.load_state_dict(state_dict.read(folder / WEIGHTS))
    return network.eval()


def rebuild(kind: str, folder: Path, *given: Any, options: Section | None = None) -> nn.Module:
    """Rebuild the trained network in a folder: call its plug-in with `given` and its saved options, or these, and load
    its weights, in the memory format of its training. Networks that predict numbers answer in the units of the table.

    Raises ValueError if the folder holds another kind of model, or weights of another architecture.
    """
    about = read_about(folder)
    if about.kind != kind:
        raise ValueError(f"{folder} holds {about.what}; expected a {kind}")
    network: nn.Module = registry.build(options or saved_options(folder), *given)
    if about.target.kind == "numbers":
        rescaled(network, len(about.target.names))
    try:
        load_weights(folder, network)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise _foreign(folder, described(folder), f"builds its {kind} with other weights ({reason})") from None
    return network.to(memory_format=torch.channels_last) if about.channels_last else network


def predict(
    function: Callable[[Tensor], Tensor],
    images: NDArray[Any],
    rows: NDArray[np.int64],
    *,
    batch_size: int = 256,
    workers: int = 1,
) -> NDArray[np.float32]:
    """Apply a function of samples as tensors to these rows of a store's samples; return stacked float32 outputs."""
    return np.concatenate([*applied(function, chunks(images, rows, batch_size=batch_size), workers=workers)])


def applied(
    function: Callable[[Item], Tensor], batches: Iterable[Item], *, workers: int = 1
) -> Iterator[NDArray[np.float32]]:
    """Yield the output of a function for each batch, in order, as float32; otherwise like `in_threads`."""

    @torch.inference_mode()
    def one(batch: Item) -> NDArray[np.float32]:
        return function(batch).float().cpu().numpy()

    return in_threads(one, batches, workers=workers)


def in_threads(function: Callable[[Item], Made], items: Iterable[Item], *, workers: int = 1) -> Iterator[Made]:
    """Yield what a function makes of each item, in order; few items are in memory at a time.

    With several `workers`, each item is computed by one thread without inner parallelism: torch releases the
    GIL, so all cores are busy, and the bits do not depend on the number of workers. Raises ValueError for fewer
    than one worker.
    """
    if workers < 1:
        raise ValueError(f"--workers is {workers}; it must be at least 1")
    if workers == 1:
        yield from map(function, items)
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    waiting: deque[Future[Made]] = deque()
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
    finally:
        torch.set_num_threads(threads)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def chunks(images: NDArray[Any], rows: NDArray[np.int64], *, batch_size: int = 256) -> Iterator[Tensor]:
    """Yield these rows of a store's images as float batches (B, C, H, W) in [0, 1], one batch in memory at a time."""
    if not len(rows):
        raise ValueError("there are no images to predict")
    for start in range(0, len(rows), batch_size):
        batch = as_tensor(images[rows[start : start + batch_size]])
        release(images)
        yield batch
