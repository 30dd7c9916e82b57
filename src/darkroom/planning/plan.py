"""What the workflow asks of a config: which jobs there are, and the spec and code that make each stale."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from darkroom import files, registry
from darkroom.audit import config as audit
from darkroom.augment.config import NONE, GallerySpec, OnlineSpec, Synthetic
from darkroom.classify import config as classify
from darkroom.config.load import Config
from darkroom.data import place
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.detect import config as detect
from darkroom.generate import config as generate
from darkroom.job import provenance
from darkroom.job.stages import STAGES
from darkroom.nets import pretrained
from darkroom.planning import needs
from darkroom.report.config import BuildSpec, ClassifierEntry, DetectorEntry, GeneratorEntry
from darkroom.settings import Section

LONGEST_ARGUMENT = 100_000
"""Bytes; Linux takes 128 KiB for one argument, and a command of the shell is one."""
Part = TypeVar("Part", bound=Section)


class Plan:
    """The jobs of one config. Methods take a rule's wildcards by name: `plan.spec("generate train", model="vae", seed=0)`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.data = f"data/{config.name}"
        self.results = f"results/{config.name}"

    @property
    def policies(self) -> list[str]:
        """The policies that classifiers are trained under, in the config's order."""
        section = self.config.classify
        if section is None:
            return []
        return [NONE, *self.config.augment] if section.policies is None else section.policies

    def copies(self, policy: str) -> str | None:
        """The folder of the copies that classifiers wait for under a policy: transformed, or drawn by a model."""
        settings = self.config.augment.get(policy)
        if settings and settings.offline:
            return f"{self.results}/augment/{policy}"
        return f"{self.results}/generate/synthetic/{policy}" if settings and settings.synthetic else None

    def synthetic(self, policy: str) -> Synthetic:
        """What a policy says of the copies that a model draws for it."""
        found = self.config.augment[policy].synthetic
        if found is None:
            raise ValueError(f'no model draws copies for the policy "{policy}"')
        return found

    def looks_through(self, detector: str, seed: str | int) -> str | None:
        """The folder of the trained classifier that a detector waits for, where it looks through one."""
        section = self.config.detect
        names = detect.classifiers(section.detectors[detector].detector) if section else []
        return f"{self.results}/classify/{self._classifier(names[0])}/seed-{seed}/model" if names else None

    def _classifier(self, model: str) -> str:
        """Policy and model of the classifier that is meant where a config names the model alone."""
        return f"{self.policies[0]}/{model}"

    @property
    def audited(self) -> list[str]:
        """The policies that are audited, in the config's order."""
        section = self.config.audit
        if section is None:
            return []
        changing = [name for name, policy in self.config.augment.items() if policy.offline or policy.online]
        return changing if section.policies is None else section.policies

    @property
    def audit_folds(self) -> list[int]:
        """The folds that have a classifier to judge them."""
        return list(range(self.config.audit.folds)) if self.config.audit else []

    @functools.cached_property
    def entries(self) -> BuildSpec:
        """Everything that the report shows."""
        return BuildSpec(
            name=self.config.name,
            config=self.config.model_dump(mode="json", exclude={"name", "tracking"}, exclude_none=True),
            policies=[name for name, policy in self.config.augment.items() if policy.offline],
            synthetic=[name for name, policy in self.config.augment.items() if policy.synthetic],
            gallery=bool(self.config.augment),
            audits=self.audited,
            classifiers=[
                ClassifierEntry(policy=policy, model=model, seed=seed)
                for section in [self.config.classify]
                if section is not None
                for model in section.models
                for policy in self.policies
                for seed in section.seeds
            ],
            generators=[
                GeneratorEntry(model=model, seed=seed)
                for section in [self.config.generate]
                if section is not None
                for model in section.models
                for seed in section.seeds
            ],
            detectors=[
                DetectorEntry(
                    task=detect.task_name(normal, contamination),
                    normal=normal,
                    contamination=contamination,
                    detector=name,
                    seed=seed,
                )
                for section in [self.config.detect]
                if section is not None
                for normal in section.normal
                for contamination in section.contamination
                for name in section.detectors
                for seed in section.seeds
            ],
        )

    @property
    def jobs(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Every job: its stage and wildcards."""
        entries = self.entries
        yield from ((stage, {}) for stage in ("data fetch", "data prepare", "report build"))
        yield from (("augment apply", {"policy": policy}) for policy in entries.policies)
        yield from (("augment gallery", {}) for _ in range(entries.gallery))
        yield from (("audit train", {"fold": str(fold)}) for fold in self.audit_folds)
        yield from (("audit measure", {"policy": policy}) for policy in entries.audits)
        for made in entries.classifiers:
            for step in ("train", "evaluate"):
                yield f"classify {step}", {"policy": made.policy, "model": made.model, "seed": str(made.seed)}
        yield from (("generate judge", {}) for _ in range(bool(entries.generators)))
        for drawn in entries.generators:
            for step in ("train", "evaluate"):
                yield f"generate {step}", {"model": drawn.model, "seed": str(drawn.seed)}
        yield from (("generate synthesize", {"policy": policy}) for policy in entries.synthetic)
        for found in entries.detectors:
            for step in ("fit", "evaluate"):
                yield f"detect {step}", {"task": found.task, "detector": found.detector, "seed": str(found.seed)}

    def folders(self, section: str) -> list[str]:
        """The folders of a section's entries, below which are `model` and `evaluation`."""
        entries = self.entries
        match section:
            case "augment":
                return [folder for p in (*entries.policies, *entries.synthetic) if (folder := self.copies(p))]
            case "audit":
                return [f"{self.results}/audit/policies/{policy}" for policy in entries.audits]
            case "classify":
                return [f"{self.results}/classify/{e.policy}/{e.model}/seed-{e.seed}" for e in entries.classifiers]
            case "generate":
                return [f"{self.results}/generate/{e.model}/seed-{e.seed}" for e in entries.generators]
            case "detect":
                return [f"{self.results}/detect/{e.task}/{e.detector}/seed-{e.seed}" for e in entries.detectors]
        raise ValueError(f'no section "{section}" has folders of its own')

    def spec(self, stage: str, **wildcards: Any) -> str:
        """The resolved spec of a job as JSON with sorted keys."""
        text = files.canonical(self.job(stage, **wildcards).model_dump(mode="json"))
        return text.replace("<", "\\u003c")  # Snakemake's report puts it into a script as it stands

    def argument(self, stage: str, **wildcards: Any) -> str:
        """The spec as its command takes it: as it is, or `@FILE` with a file that is written here where it is too long."""
        spec = self.spec(stage, **wildcards)
        if len(spec.encode()) <= LONGEST_ARGUMENT:
            return spec
        path = Path(self.results, ".specs", f"{hashlib.sha256(spec.encode()).hexdigest()[:16]}.json")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_json(path, json.loads(spec))
        return f"@{path}"

    def code(self, stage: str, **wildcards: Any) -> str:
        """What else makes the job stale: a hash of its code, and the versions of the libraries which that imports."""
        return _code(self._modules(stage, **wildcards))

    def record(self, stage: str, **wildcards: Any) -> dict[str, Any]:
        """What a job's result would be made of now: see `provenance.record`."""
        return {
            "spec": self.job(stage, **wildcards).model_dump(mode="json"),
            **_code_record(self._modules(stage, **wildcards)),
        }

    def _modules(self, stage: str, **wildcards: Any) -> frozenset[str]:
        return frozenset({STAGES[stage], *registry.modules(self.job(stage, **wildcards))})

    def threads(self, stage: str, **wildcards: Any) -> int:
        """The processor threads that a job's spec asks for on one node."""
        training = getattr(self.job(stage, **wildcards), "training", None)
        return training.threads * training.devices if training else 1

    @functools.cached_property
    def together(self) -> bool:
        """Whether any model is trained by several processes."""
        config = self.config
        trained = [
            *(config.classify.models.values() if config.classify else ()),
            *((config.generate.judge, *config.generate.models.values()) if config.generate else ()),
            *(config.detect.detectors.values() if config.detect else ()),
            *((config.audit,) if config.audit else ()),
        ]
        return any(needs.processes(each.training) for each in trained)

    def processes(self, stage: str, **wildcards: Any) -> dict[str, int | str]:
        """What a job asks of a cluster for its several processes; nothing for a job of one."""
        return needs.processes(getattr(self.job(stage, **wildcards), "training", None))

    def need(self, stage: str, inputs: list[str], attempt: int, **wildcards: Any) -> needs.Need:
        """What a job asks of a cluster on its first, second, ... attempt; `inputs[0]` is the manifest of its images.

        Raises FileNotFoundError as long as that is not made.
        """
        images = needs.images_beside(Path(inputs[0])) if inputs else self._source_size()
        return needs.need(stage, images, getattr(self.job(stage, **wildcards), "training", None), attempt)

    def _source_size(self) -> needs.Images:
        path = getattr(self.config.data.source, "path", None)
        local = files.local(path) if path is not None else None
        return needs.Images(1, local.stat().st_size) if local is not None and local.is_file() else needs.Images()

    def job(self, stage: str, **wildcards: Any) -> Section:
        """The spec of a job as a model."""
        wild = {key: str(value) for key, value in wildcards.items()}
        key = (stage, *sorted(wild.items()))
        if key not in self._jobs:
            self._jobs[key] = self._job(stage, wild)
        return self._jobs[key]

    @functools.cached_property
    def _jobs(self) -> dict[tuple[Any, ...], Section]:
        return {}

    def _job(self, stage: str, wild: dict[str, str]) -> Section:
        config = self.config
        match stage:
            case "data fetch":
                return FetchSpec(source=config.data.source, fingerprint=self._fingerprint())
            case "data prepare":
                return _part(PrepareSpec, config.data, name=config.name)
            case "augment apply":
                return config.augment[wild["policy"]].apply_spec
            case "augment gallery":
                every = {"offline": registry.entries("transform"), "online": registry.entries("batch transform")}
                return GallerySpec.model_validate({part: list(names) for part, names in every.items()})
            case "report build":
                return self.entries
        if config.audit and stage == "audit train":
            return _part(audit.TrainSpec, config.audit, fold=int(wild["fold"]))
        if config.audit and stage == "audit measure":
            name = wild["policy"]
            return _part(audit.MeasureSpec, config.audit, name=name, policy=config.augment[name])
        if config.classify and stage.startswith("classify"):
            classifier = config.classify.models[wild["model"]]
            if stage == "classify train":
                policy = config.augment.get(wild["policy"])
                online = policy.online_spec if policy else OnlineSpec()
                return classify.TrainSpec(seed=int(wild["seed"]), policy=online, **_fields(classifier))
            shared = {key: getattr(config.classify, key) for key in ("tta", "tta_merge", "resamples")}
            return classify.EvaluateSpec(network=classifier.network, seed=int(wild["seed"]), **shared)
        if config.generate and stage == "generate synthesize":
            synthetic = self.synthetic(wild["policy"])
            return generate.SynthesizeSpec(
                generator=config.generate.models[synthetic.model].generator,
                judge=config.generate.judge.network,
                synthetic=synthetic,
            )
        if config.generate and stage == "generate judge":
            return generate.JudgeSpec(**_fields(config.generate.judge))
        if config.generate and stage.startswith("generate"):
            generator = config.generate.models[wild["model"]]
            if stage == "generate train":
                return generate.TrainSpec(
                    seed=int(wild["seed"]),
                    snapshots=config.generate.snapshots,
                    **{**_fields(generator), "generator": generate.trained(generator.generator)},
                )
            return generate.EvaluateSpec(
                generator=generator.generator,
                judge=config.generate.judge.network,
                backbone=pretrained.installed(),
                samples=config.generate.samples,
                steps=tuple(config.generate.steps),
                seed=int(wild["seed"]),
            )
        if config.detect and stage.startswith("detect"):
            detector, seed = config.detect.detectors[wild["detector"]], int(wild["seed"])
            normal, contamination = next(
                (n, c)
                for n in config.detect.normal
                for c in config.detect.contamination
                if detect.task_name(n, c) == wild["task"]
            )
            names = detect.classifiers(detector.detector)
            seen = {
                "backbone": " ".join([*dict.fromkeys(_backbones(detector.detector)), *map(self._classifier, names)])
                or None,
                "network": config.classify.models[names[0]].network if config.classify and names else None,
            }
            if stage == "detect fit":
                return detect.FitSpec(
                    normal=normal, contamination=contamination, seed=seed, **seen, **_fields(detector)
                )
            return detect.EvaluateSpec(
                detector=detector.detector,
                normal=normal,
                seed=seed,
                **seen,
                **{key: getattr(config.detect, key) for key in ("false_alarms", "threshold", "examples", "resamples")},
            )
        raise ValueError(f'no stage "{stage}" for {config.name}')

    def _fingerprint(self) -> str | None:
        """Of the local files that the source names."""
        found = self._local_files()
        return provenance.source_fingerprint(found, self._fingerprints) if found is not None else None

    def source_contents(self) -> dict[str, str]:
        """The sha256 of each local file of the source, by its name there."""
        contents = provenance.source_contents(self._local_files() or {}, self._fingerprints)
        return {name.partition("/")[2]: digest for name, digest in contents.items()}

    @property
    def _fingerprints(self) -> Path:
        return Path(self.data, ".fingerprint.json")

    def _local_files(self) -> dict[str, str] | None:
        """None without any; a manifest without `root` reads the folder that it lies in."""
        source = self.config.data.source
        path, root = getattr(source, "path", None), getattr(source, "root", None)
        if path is None or (local := files.local(path)) is None:
            return None
        places: list[Path | None] = [local]
        if hasattr(source, "root"):
            places.append(files.local(root) if root else local.parent)
        return {
            f"{n}/{name}": file
            for n, there in enumerate(places)
            if there is not None
            for name, file in place.local_paths(there).items()
        }


def _backbones(detector: Section) -> Iterator[str]:
    """The weights of ImageNet networks that a detector looks through: so that other weights make it stale."""
    for part in detect.members(detector):
        if hasattr(part, "architecture") and part.classifier is None:  # type: ignore[attr-defined]
            found = _fingerprint(part.weights)  # type: ignore[attr-defined]
            yield from [found] if found else []


def _fingerprint(weights: str | None) -> str | None:
    """Of a file of weights, or of the packaged ones."""
    if weights is None:
        return pretrained.installed()
    path = files.local(weights)
    try:
        return files.sha256(path) if path is not None and path.is_file() else None
    except OSError:
        return None  # the stage says that it is not there, or cannot be read


@functools.cache
def _code(modules: frozenset[str]) -> str:
    versions = (f"{name}={version}" for name, version in provenance.libraries(modules).items())
    return " ".join([provenance.code(modules), *versions])


@functools.cache
def _code_record(modules: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in provenance.record(None, modules).items() if key != "spec"}


def _part(model: type[Part], section: Section, **more: Any) -> Part:
    """A job's spec made of those values of a section that it has fields for."""
    shared = model.model_fields.keys() & section.__class__.model_fields.keys()
    return model(**{name: getattr(section, name) for name in shared}, **more)


def _fields(section: Section) -> dict[str, Any]:
    """A section's values as they are, to be passed on to a model with the same fields."""
    return {name: getattr(section, name) for name in section.__class__.model_fields}
