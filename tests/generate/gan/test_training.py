"""Every loss with every conditioning and the stabilisers; runs that resume; options that contradict each other."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from darkroom.fit import trainer
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted
from darkroom.generate.gan import game, penalties
from darkroom.generate.gan.game import AdversarialGame
from darkroom.generate.gan.losses import GAMES
from darkroom.generate.gan.model import GAN
from darkroom.log import Log, silent

SHAPE, ITEMS = (1, 9, 12), 20
CONDITIONINGS = ["none", "concatenation", "projection", "auxiliary"]
STABILISERS: dict[str, dict[str, Any]] = {
    "plain": {"ema": 0.0},
    "all": {
        "feature_matching": 1.0,
        "r1": 1.0,
        "r1_every": 2,
        "ttur": 2.0,
        "critic_steps": 2,
        "ema": 0.9,
        "diffaugment": ("color", "translation", "cutout"),
    },
}


PLAIN = {"name": "sgd", "lr": 1.0, "momentum": 0.0, "weight_decay": 0.0}
ONE_STEP = {"batch_size": 32, "schedule": "constant"}


def start(**options: Any) -> GAN:
    """The model that `train` begins with."""
    torch.manual_seed(0)
    return GAN(SHAPE, 2, **{"latent": 4, "width": 4, "spectral_norm": False, **options})


def train(
    epochs: int = 1,
    *,
    shape: tuple[int, int, int] = SHAPE,
    classes: int = 2,
    training: dict[str, Any] | None = None,
    checkpoints: Path | None = None,
    log: Log = silent,
    **options: Any,
) -> tuple[GAN, Fitted]:
    channels, height, width = shape
    images = np.random.default_rng(0).integers(0, 256, (ITEMS, height, width, channels), dtype=np.uint8)
    labels = np.arange(ITEMS) % classes if classes else np.full(ITEMS, -1)
    torch.manual_seed(0)
    model = GAN(shape, classes, **{"latent": 4, "width": 4, **options})
    settings = Training.model_validate({"epochs": epochs, "batch_size": 8, **(training or {})})
    pool = Pool([images])
    batches = Batches(pool, np.arange(ITEMS)[:, None], labels, batch_size=settings.batch_size, seed=0)
    val = Batches(pool, np.arange(8)[:, None], labels[:8], batch_size=8)
    return model, trainer.fit(model.task(settings), batches, val, seed=0, log=log, checkpoints=checkpoints)


def same(one: GAN, other: GAN) -> bool:
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize("stabilisers", STABILISERS)
@pytest.mark.parametrize(("loss", "conditioning"), list(itertools.product(GAMES, CONDITIONINGS)))
def test_every_combination_trains(loss: str, conditioning: str, stabilisers: str) -> None:
    options = {"loss": loss, "conditioning": conditioning, "critic_steps": 1} | STABILISERS[stabilisers]
    model, fitted = train(**options, spectral_norm=loss != "wasserstein" and stabilisers == "all")
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())
    for name in ("loss_discriminator", "gradient_norm_discriminator"):
        assert np.isfinite(fitted.steps[name]).all(), name
    for name in ("loss_generator", "gradient_norm_generator"):
        assert np.isfinite(fitted.steps[name]).tolist() == [index % model.critic_steps == 0 for index in range(3)], name
    assert fitted.steps["loss"].equals(fitted.steps["loss_generator"])
    assert (fitted.steps["gradient_norm_generator"].dropna() > 0).all()
    assert fitted.steps[["accuracy_real", "accuracy_fake"]].stack().between(0, 1).all()
    assert {"val_accuracy_real", "val_accuracy_fake"} <= set(fitted.history)
    assert model.classes == (0 if conditioning == "none" else 2)


@pytest.mark.parametrize("loss", GAMES)
def test_mixed_precision_trains(loss: str) -> None:
    model, fitted = train(loss=loss, training={"precision": "bf16"}, **STABILISERS["all"])
    assert fitted.precision == "bf16"
    began = start(**{**STABILISERS["all"], "loss": loss})
    moved = zip(model.generator.named_parameters(), began.generator.parameters(), strict=True)
    assert [name for (name, new), old in moved if torch.equal(new, old)] == []
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())
    assert model.sample(torch.tensor([0, 1]), torch.Generator()).dtype == torch.float32


def test_colors_and_odd_sizes_train_with_every_stabiliser() -> None:
    model, _ = train(shape=(3, 33, 17), **STABILISERS["all"])
    assert model.sample(torch.tensor([0, 1]), torch.Generator()).shape == (2, 3, 33, 17)


SWITCHED = {"optimizer": ["adamw", {"name": "sgd", "lr": 0.001, "from": 0.4}], "l1": 0.001, "diagnostics": True}


@pytest.mark.parametrize(("loss", "training"), [("hinge", {}), ("wasserstein_gp", {}), ("hinge", SWITCHED)])
def test_an_interrupted_run_ends_with_the_same_weights_and_history(
    loss: str, training: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"loss": loss, **STABILISERS["all"], "training": training}
    whole, fitted = train(4, **options)
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", -1.0)
    epochs = []

    def stop(values: dict[str, float], step: int | None = None) -> None:
        if "train/loss_generator" in values:
            epochs.append(step)
        if len(epochs) == 3:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(4, checkpoints=tmp_path, log=stop, **options)
    later: set[int | None] = set()
    resumed, again = train(4, checkpoints=tmp_path, log=lambda values, step=None: later.add(step), **options)
    assert later == {7, 8, 9, 10, 11, 12}  # three batches an epoch: those that were whole are not trained again
    assert same(whole, resumed)
    assert again.history.equals(fitted.history)
    assert again.steps.equals(fitted.steps)


def test_a_seed_repeats() -> None:
    assert same(train(2)[0], train(2)[0])


@pytest.mark.parametrize(("loss", "updates"), [("hinge", 1), ("wasserstein", 5), ("wasserstein_gp", 5)])
def test_every_critic_update_sees_a_fresh_batch_and_the_generator_waits_as_in_the_papers(
    loss: str, updates: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []
    turns: list[int] = []
    critic, generator = AdversarialGame.discriminator_loss, AdversarialGame.generator_loss

    def criticize(self: AdversarialGame, real: Tensor, fake: Tensor, labels: Tensor) -> Any:
        seen.extend((real, fake))
        return critic(self, real, fake, labels)

    def generate(self: AdversarialGame, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        turns.append(len(seen) // 2 - 1)
        return generator(self, real, fake, labels)

    monkeypatch.setattr(AdversarialGame, "discriminator_loss", criticize)
    monkeypatch.setattr(AdversarialGame, "generator_loss", generate)
    train(4, loss=loss)
    assert len(seen) == 2 * 12  # three batches per epoch, real and generated
    alike = [one.shape == other.shape and torch.equal(one, other) for one, other in itertools.combinations(seen, 2)]
    assert not any(alike)
    assert turns == list(range(0, 12, updates))


def test_r1_is_taken_at_the_real_images_through_the_augmentation(monkeypatch: pytest.MonkeyPatch) -> None:
    model = start(r1=1.0, diffaugment=("translation",))
    real, fake, labels = torch.rand(4, *SHAPE), torch.rand(4, *SHAPE), torch.tensor([0, 1, 0, 1])
    points: list[Tensor] = []

    def r1(score: Any, images: Tensor) -> Tensor:
        points.append(images)
        monkeypatch.setattr(game, "augment", lambda images, changes: torch.zeros_like(images))
        assert torch.equal(score(images), score(torch.zeros_like(images)))  # what is scored is augmented
        return torch.zeros(())

    monkeypatch.setattr(penalties, "r1", r1)
    model.discriminator_loss(real, fake, labels)
    assert torch.equal(points[0], real)


def test_weights_of_a_wasserstein_critic_are_clipped() -> None:
    model, _ = train(loss="wasserstein", weight_clip=0.02, training={"optimizer": {"lr": 0.05}})
    largest = max(parameter.abs().max().item() for parameter in model.discriminator.parameters())
    assert largest == pytest.approx(0.02)


@pytest.mark.training
def test_spectral_norm_holds_every_layer_of_the_discriminator_at_one() -> None:
    model, _ = train(6, spectral_norm=True)
    weights = [module.weight for module in model.discriminator.modules() if hasattr(module, "parametrizations")]
    assert len(weights) == 1 + 1 + 1 + 1  # a level, the hidden layer, the score, the projection
    for weight in weights:
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=0.1)


def test_a_projection_adds_the_inner_product_with_the_class() -> None:
    model = GAN(SHAPE, 3, loss="wasserstein", conditioning="projection", width=4)
    images, labels = torch.rand(3, *SHAPE), torch.tensor([2, 0, 1])
    found = model.discriminator(images, labels)
    assert model.discriminator.projection is not None
    for score, features, label in zip(found.score, found.features, labels, strict=True):
        marginal = features @ model.discriminator.score.weight[0]
        beside = features @ model.discriminator.projection.weight[label]
        assert score.item() == pytest.approx((marginal + beside).item(), abs=1e-5)


@pytest.mark.parametrize("conditioning", ["concatenation", "projection"])
def test_scores_depend_on_the_class_and_an_auxiliary_ones_do_not(conditioning: str) -> None:
    images, labels = torch.rand(1, *SHAPE).expand(3, *SHAPE), torch.arange(3)
    scores = GAN(SHAPE, 3, conditioning=conditioning).discriminator(images, labels).score  # type: ignore[arg-type]
    assert len(scores.unique()) == 3
    found = GAN(SHAPE, 3, conditioning="auxiliary").discriminator(images, labels)
    assert torch.allclose(found.score, found.score[0].expand(3))
    assert found.logits is not None
    assert found.logits.shape == (3, 3)


def test_the_discriminator_has_a_rate_of_its_own() -> None:
    def moved(ttur: float) -> Tensor:
        model, _ = train(ttur=ttur, spectral_norm=False, training={**ONE_STEP, "optimizer": {**PLAIN, "lr": 0.01}})
        return (model.discriminator.hidden.weight - start().discriminator.hidden.weight).detach()

    assert torch.allclose(moved(3.0), 3 * moved(1.0), atol=1e-6)
    assert moved(1.0).abs().max() > 1e-4


def test_the_average_follows_the_generator_and_is_what_samples() -> None:
    model, _ = train(ema=0.0)
    newest = model.generator.state_dict()
    assert all(torch.equal(value, newest[name]) for name, value in model.averaged.module.state_dict().items())
    model, _ = train(2, ema=0.999)
    assert not torch.equal(model.averaged.module.head.weight, model.generator.head.weight)
    labels, before = torch.tensor([0, 1]), model.sample(torch.tensor([0, 1]), torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.generator.head.weight.zero_()
    assert torch.equal(model.sample(labels, torch.Generator().manual_seed(0)), before)


def test_samples_do_not_depend_on_how_many_are_made_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model = GAN(SHAPE, 2, latent=4, width=4).eval()
    labels = torch.arange(10) % 2
    whole = model.sample(labels, torch.Generator().manual_seed(0))
    monkeypatch.setattr("darkroom.generate.gan.model.CHUNK", 3)
    assert torch.allclose(model.sample(labels, torch.Generator().manual_seed(0)), whole, atol=1e-6)


@pytest.mark.parametrize("truncation", [0.3, 0.8, 2.0])
def test_truncated_noise_is_distributed_as_if_values_beyond_were_redrawn(truncation: float) -> None:
    noise = start(truncation=truncation, latent=50).truncated(2000, torch.Generator().manual_seed(0)).numpy()
    assert np.abs(noise).max() <= truncation
    assert noise.std() == pytest.approx(stats.truncnorm(-truncation, truncation).std(), rel=0.01)  # .44 at .8, not .8
    assert stats.kstest(noise.ravel()[:5000], stats.truncnorm(-truncation, truncation).cdf).pvalue > 0.001


def test_neutral_sampling_neither_truncates_nor_scales() -> None:
    assert start().neutral() == {}
    assert start(truncation=1.0).neutral() == {"truncation": None}
    assert start(temperature=0.8).neutral() == {"temperature": 1.0}


@pytest.mark.parametrize(("option", "values"), [("temperature", (1.0, 0.5, 1e-6)), ("truncation", (None, 0.5, 1e-6))])
def test_truncation_and_temperature_draw_samples_together(option: str, values: tuple[Any, ...]) -> None:
    labels = torch.zeros(50, dtype=torch.int64)
    spread = []
    for value in values:
        model = start(**{option: value}).eval()
        spread.append(model.sample(labels, torch.Generator().manual_seed(0)).std(0).mean().item())
    assert spread[0] > spread[1] > spread[2]
    assert spread[2] == pytest.approx(0, abs=1e-5)


def test_gradients_are_clipped() -> None:
    model, fitted = train(ttur=1.0, spectral_norm=False, training={**ONE_STEP, "optimizer": PLAIN, "clip": 1e-3})
    for name in ("generator", "discriminator"):
        pairs = zip(getattr(model, name).parameters(), getattr(start(), name).parameters(), strict=True)
        step = torch.nn.utils.get_total_norm([new.detach() - old.detach() for new, old in pairs])
        assert step.item() == pytest.approx(1e-3, rel=1e-2)
        assert fitted.steps[f"gradient_norm_{name}"][0] > 1e-3  # the recorded norm is the one before clipping


@pytest.mark.parametrize(
    ("options", "classes", "said"),
    [
        ({"conditioning": "projection"}, 0, 'conditioning is "projection", but some training images have no label'),
        (
            {"loss": "wasserstein", "spectral_norm": True},
            2,
            'spectral_norm is true, but generator.loss is "wasserstein"',
        ),
        ({"weight_clip": 0.1}, 2, 'weight_clip is 0.1, but generator.loss is "hinge".*set loss: wasserstein'),
        (
            {"loss": "wasserstein", "gradient_penalty": 1.0},
            2,
            'gradient_penalty is 1.0, but generator.loss is "wasserstein"',
        ),
    ],
)
def test_contradicting_options_are_reported(options: dict[str, Any], classes: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        GAN(SHAPE, classes, **options)
