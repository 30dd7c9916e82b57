"""Measure a trained generative model of images in the same way as every other.

As many samples are drawn as there are test images (at most `samples`), of the test images' classes, and measured in up to
three feature spaces: the data set's own judge (`generate judge`); an ImageNet network, if installed; and Inception-v3, if
`generate.inception` names its weights. Only the last one compares with published FIDs, and only at equal numbers of images.
metrics.json holds ({interval} is {"value", "low", "high"}; an unavailable number is {"value": null, "reason"}):

    items, samples      test images measured against; samples drawn
    conditional         whether samples were asked for by class
    judge               {fid, kid, kid_sd, precision, recall, density, coverage, samples, against, features, trained}:
                        samples against test images in the judge's features; `features` is their number, `trained` is
                        false if the judge has random weights
    judge_floor         {the same except trained, and of}: real images against the test images. `of` is "validation", or
                        "halves" if there are too few validation images: one half of the test images against the other.
                        Splits hold the classes in equal proportions, so its KID is slightly below 0, and a good model's too
    imagenet            as `judge`, with `weights` and `side` instead of trained; {"value": null, "reason"} without it
    imagenet_floor      as `judge_floor`; {"value": null, "reason"} without it
    inception, inception_floor      as `imagenet` and its floor
    neutral             {options, fid, kid, kid_sd, precision, recall, density, coverage, accuracy: {interval}} in the
                        judge's features, with the sampling `options` changed that trade variety for fidelity, such as
                        guidance; families compare there. Without such options, the numbers from above and options {}
    accuracy            {interval} fraction of samples that the judge classifies as the class asked for
    accuracy_real       {interval} the same of the test images
    per_class           {class: {accuracy: {interval}, accuracy_real: {interval}, asked, judged}}: `asked` counts the
                        samples asked for of this class (for an unconditional model: its test images), `judged` the
                        samples classified as it; {} with an untrained judge
    classes_missed      [class]: asked for at least 5 times, but no sample is classified as it; null with an untrained judge
    total_variation     half the summed differences between the proportions of `judged` and `asked`; null likewise
    collapse            {collapsed: bool, reasons: [text], rule: text}
    memorization        {training, threshold, near_copies: {interval}, expected, samples: {distance, ratio}, held_out:
                        {distance, ratio}, closest: [{sample, row, id, distance, ratio}]}, each distance and ratio by
                        quantile {q01, q05, q25, q50, q75, q95}; see `measure.memorization`. `closest` is what closest.png
                        shows, nearest pair first; `row` and `id` are the training image's
    steps               [{steps, fid, kid, kid_sd, precision, recall, density, coverage, accuracy: {interval}}] in the
                        judge's features, for models that sample in a number of steps; absent for others
    test                {elbo, reconstruction, kl: {interval}} in nats per image, for models with a likelihood bound
    active_units, latent        latent units in use, and their total; for models with a latent space

course.csv has one row per snapshot of the training: {epoch, coverage, classes, largest_class}, see `evaluation.course`.

samples.npy holds the samples (N, H, W, C) uint8, samples.parquet one row each: label (asked for, -1 if unconditional),
judged, nearest (the training image's row), distance, ratio. timing.json holds {seconds, ms_per_sample, steps: {"5": ms per
sample, ...}}. Every other file is the same, bit for bit, for the same spec, model, judge and data.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from darkroom import files
from darkroom.data.store import Store, needed, open_store
from darkroom.fit.model import HISTORY, STEPS
from darkroom.generate.config import EvaluateSpec
from darkroom.generate.evaluation.course import draw_course, followed
from darkroom.generate.evaluation.fidelity import MEASURES, Reference, spread
from darkroom.generate.evaluation.figures import draw_curves, draw_steps
from darkroom.generate.evaluation.latent import EncodedImages
from darkroom.generate.evaluation.near_copies import draw_closest, memorized
from darkroom.generate.evaluation.predictions import Predictions, class_metrics, collapse, no_class_metrics
from darkroom.generate.evaluation.samples import asked, draw, draw_grid, draw_in_steps
from darkroom.generate.evaluation.spaces import FeatureSpace, JudgeClassifier, imagenet, inception, read_judge
from darkroom.generate.model import GenerativeModel, Stepwise, read_generator
from darkroom.log import Log
from darkroom.registry import register


@register("generator evaluation", "image")
def measure_images(spec: EvaluateSpec, data: Path, model: Path, judge: Path, out: Path, log: Log) -> None:
    """Sample from the model in the folder `model` and measure it against the test split of the store `data`.

    Raises ValueError if there are no test images, or if the ImageNet features that the spec names are not installed.
    """
    torch.set_num_threads(1)  # sums depend on the number of threads
    store, classifier = open_store(data, classes_only=True), read_judge(judge)
    rows = spread(needed(store, "test", labels=False), spec.samples)
    network = read_generator(model, spec.generator)
    others = {"imagenet": imagenet(spec.backbone), "inception": inception(spec.inception)}  # fail before the work
    with torch.inference_mode(), threadpool_limits(1):
        evaluation = _Evaluation(spec, store, network, classifier, others, rows)
        with files.folder(out) as fresh:
            result = evaluation.measure(model, fresh)
            evaluation.draw(model, result, fresh)
            course = followed(model, classifier, store.samples[store.rows("val")])
            course.to_csv(fresh / "course.csv", index=False)
            draw_course(course, fresh / "course.png")
            files.write_json(fresh / "metrics.json", result)
            files.write_json(fresh / files.TIMING, evaluation.times())
    for values, step in _scalars(result):
        log(values, step)
    for row in course.to_dict("records"):
        log({f"course/{name}": float(value) for name, value in row.items() if name != "epoch"}, int(row["epoch"]))


class _Evaluation:
    """One model's samples, and what they are compared with."""

    def __init__(
        self,
        spec: EvaluateSpec,
        store: Store,
        network: GenerativeModel,
        judge: JudgeClassifier,
        others: dict[str, FeatureSpace | str],
        rows: NDArray[np.int64],
    ) -> None:
        self.spec, self.store, self.network, self.rows = spec, store, network, rows
        self.judge, self.others = judge, others
        self.started = time.monotonic()
        self.labels = asked(store, rows, network.classes)
        self.samples = draw(network, self.labels, seed=spec.seed)
        self.ms_per_sample = self._since(self.started)
        self.ms_by_steps: dict[str, float] = {}
        self.space = Reference(judge.features, store, rows)
        self.encoded = EncodedImages(network, store, rows, seed=spec.seed)
        self.classified_real = judge.classify(store.samples[rows])

    def measure(self, model: Path, folder: Path) -> dict[str, Any]:
        """Return metrics.json; writes the samples and their measures into the folder."""
        spec, store, network = self.spec, self.store, self.network
        measured = self.space.measure(self.samples) | {"trained": self.judge.trained}
        classified = self.judge.classify(self.samples)
        memorization, nearest = memorized(store, self.rows, self.samples, seed=spec.seed)
        result = {
            "items": len(self.rows),
            "samples": len(self.samples),
            "conditional": network.classes > 0,
            "judge": measured,
            "judge_floor": self.space.floor,
            **self._in_other_spaces(),
            **self._class_metrics(classified),
            "memorization": memorization,
        }
        result["collapse"] = collapse(measured, self.space.floor, result["classes_missed"])
        result["neutral"] = self._neutral(model, result)
        if isinstance(network, Stepwise) and spec.steps:
            result["steps"] = [self._in_steps(network, steps) for steps in spec.steps]
        result |= self.encoded.measure()
        table: dict[str, Any] = {
            "label": self.labels if network.classes else -1,
            "judged": classified if self.judge.trained else -1,
        }
        table |= {"nearest": nearest.row, "distance": nearest.distance, "ratio": nearest.ratio}
        pd.DataFrame(table).to_parquet(folder / "samples.parquet", index=False)
        np.save(folder / "samples.npy", self.samples)
        return result

    def draw(self, model: Path, result: dict[str, Any], folder: Path) -> None:
        """Draw the figures."""
        draw_grid(self.network, folder / "samples.png", seed=self.spec.seed)
        draw_closest(result["memorization"]["closest"], self.samples, self.store, folder / "closest.png")
        draw_curves(pd.read_csv(model / HISTORY), pd.read_csv(model / STEPS), folder / "curves.png")
        if "steps" in result:
            draw_steps(result["steps"], self.space.floor, folder / "steps.png")
        self.encoded.draw(folder)

    def times(self) -> dict[str, Any]:
        """Return timing.json."""
        found: dict[str, Any] = {"seconds": time.monotonic() - self.started, "ms_per_sample": self.ms_per_sample}
        return found | ({"steps": self.ms_by_steps} if self.ms_by_steps else {})

    def _in_other_spaces(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, space in self.others.items():
            if isinstance(space, str):
                found[name] = found[f"{name}_floor"] = {"value": None, "reason": space}
            else:
                reference = Reference(space.extract, self.store, self.rows)
                found |= {name: reference.measure(self.samples) | space.facts, f"{name}_floor": reference.floor}
        return found

    def _neutral(self, model: Path, result: dict[str, Any]) -> dict[str, Any]:
        """Return the measures with neutral sampling options; those in `result` if they are neutral already."""
        options = self.network.neutral()
        if not options:
            measured, accuracy = result["judge"], result["accuracy"]
        else:
            network = read_generator(model, self.spec.generator.model_copy(update=options))
            samples = draw(network, self.labels, seed=self.spec.seed)
            measured = self.space.measure(samples)
            accuracy = self._class_metrics(self.judge.classify(samples))["accuracy"]
        return {"options": options, **{name: measured[name] for name in MEASURES}, "accuracy": accuracy}

    def _class_metrics(self, classified: NDArray[np.int64]) -> dict[str, Any]:
        if not self.judge.trained:
            return no_class_metrics(f"the judge is not trained: {self.judge.reason}")
        labels = self.labels if self.network.classes else None
        real = self.store.labels[self.rows]
        found = Predictions(self.judge.classes, classified, labels, self.classified_real, real)
        return class_metrics(found, seed=self.spec.seed)

    def _in_steps(self, network: Stepwise, steps: int) -> dict[str, Any]:
        started = time.monotonic()
        samples, ms = self.samples, self.ms_per_sample  # these are the same if drawn in the configured number of steps
        if steps != network.steps:
            samples = draw_in_steps(network, self.labels, seed=self.spec.seed, steps=steps)
            ms = self._since(started)
        self.ms_by_steps[str(steps)] = ms
        found = self.space.measure(samples)
        accuracy = self._class_metrics(self.judge.classify(samples))["accuracy"]
        return {"steps": steps, **{name: found[name] for name in MEASURES}, "accuracy": accuracy}

    def _since(self, started: float) -> float:
        return (time.monotonic() - started) / len(self.labels) * 1000


def _scalars(result: dict[str, Any]) -> Iterator[tuple[dict[str, float], int | None]]:
    """Yield the main numbers for the log, then those by sampling steps, each with its number of steps."""

    def known(prefix: str, values: dict[str, Any], names: tuple[str, ...]) -> dict[str, float]:
        found = {name: values.get(name) for name in names}
        plain = {name: value["value"] if isinstance(value, dict) else value for name, value in found.items()}
        return {f"test/{prefix}{name}": float(value) for name, value in plain.items() if value is not None}

    numbers = known("", result, ("accuracy", "accuracy_real", "total_variation", "active_units"))
    for space in ("judge", "judge_floor", "imagenet", "imagenet_floor", "inception", "inception_floor"):
        numbers |= known(f"{space}/", result[space], MEASURES)
    numbers |= known("neutral/", result["neutral"], (*MEASURES, "accuracy"))
    numbers |= known("", result["memorization"], ("near_copies",)) | known("", result["collapse"], ("collapsed",))
    numbers |= known("", result.get("test", {}), ("elbo", "reconstruction", "kl"))
    yield numbers, None
    for each in result.get("steps", []):
        yield known("steps/", each, (*MEASURES, "accuracy")), each["steps"]
