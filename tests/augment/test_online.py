"""A policy's online part, as training calls it."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from darkroom import registry
from darkroom.augment.online import OnlinePipeline

LABELS = torch.arange(30) % 3


def steps(*named):
    return [
        registry.options("batch transform", step if isinstance(step, str) else step.pop("name"))(
            **({} if isinstance(step, str) else step)
        )
        for step in named
    ]


def pipeline(*named, **strengths):
    built = steps(*named)
    tables = {step.name: torch.ones(3) for step in built}
    return OnlinePipeline(built, {**tables, **{name: torch.tensor(own) for name, own in strengths.items()}})


def images():
    return torch.rand(30, 12, 10, 3, generator=torch.Generator().manual_seed(0)).permute(0, 3, 1, 2)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_labels_become_probabilities():
    made, targets = pipeline("affine")(images(), LABELS, draws())
    assert made.shape == (30, 3, 12, 10)
    assert torch.equal(targets, torch.eye(3)[LABELS])
    _, soft = pipeline("affine", "mixup")(images(), LABELS, draws())
    assert soft.shape == (30, 3)
    assert torch.allclose(soft.sum(1), torch.ones(30))
    assert (soft.amax(1) < 0.99).any()


def test_steps_run_in_the_given_order():
    flip_then_crop = [{"name": "vflip", "p": 1}, {"name": "pad_crop", "pixels": 3}]
    made, _ = pipeline(*(dict(step) for step in flip_then_crop))(images(), LABELS, draws())
    flipped = images().flip(-2)
    generator = draws()
    torch.rand(30, generator=generator)  # the coins of the flip
    wanted, _ = pipeline({"name": "pad_crop", "pixels": 3})(flipped, LABELS, generator)
    assert torch.equal(made, wanted)


@pytest.mark.parametrize("beside", ["affine", "pad_crop", "crop", "vflip", "grayscale", "elastic"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
def test_a_mirror_made_in_one_move_with_its_neighbor_gives_the_same_pixels(beside, last, interpolation):
    options = registry.options("batch transform", beside)
    built = options(**({"interpolation": interpolation} if "interpolation" in options.model_fields else {}))
    built = [*steps("hflip"), built, *steps("vflip")] if last else [built, *steps("hflip", "vflip", beside)]
    made, _ = OnlinePipeline(built, {step.name: torch.ones(3) for step in built})(images(), LABELS, draws())
    wanted, targets, generator = images(), torch.eye(3)[LABELS], draws()
    for step in built:
        wanted, targets = registry.build(step)(wanted, targets, torch.ones(30), generator)
    assert torch.allclose(made, wanted, atol=1e-5)


def test_a_class_has_its_own_strength():
    made, _ = pipeline("affine", {"name": "hflip", "p": 1.0}, affine=[0.0, 1.0, 1.0], hflip=[0.0, 0.0, 1.0])(
        images(), LABELS, draws()
    )
    changed = (made != images()).flatten(1).any(1)
    assert not changed[LABELS == 0].any()
    assert changed[LABELS == 1].all()
    only_flipped, _ = pipeline({"name": "hflip", "p": 1.0}, hflip=[0.0, 0.0, 1.0])(images(), LABELS, draws())
    assert torch.equal(only_flipped[LABELS == 2], images()[LABELS == 2].flip(-1))
    assert torch.equal(only_flipped[LABELS < 2], images()[LABELS < 2])


def test_the_generator_alone_decides():
    online = pipeline("randaugment", "random_erasing", "cutmix")
    first = online(images(), LABELS, draws(1))
    online(images(), LABELS, draws(2))
    again, other = online(images(), LABELS, draws(1)), online(images(), LABELS, draws(3))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def fingerprint():
    """Of a batch that every batch transform has changed, its pixels and its class probabilities."""
    made = pipeline(*registry.taking("batch transform", "image"))(images(), LABELS, draws(7))
    return hashlib.sha256(b"".join(part.contiguous().numpy().tobytes() for part in made)).hexdigest()


@pytest.mark.thorough
def test_another_process_draws_the_same():
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_online as t; print(t.fingerprint())"
    call = [sys.executable, "-c", code, str(Path(__file__).parent)]
    other = subprocess.run(call, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == fingerprint()


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    pipeline(*registry.taking("batch transform", "image"))(images(), LABELS, draws())
    assert torch.equal(torch.get_rng_state(), before)


def test_consistency_comes_from_augmix():
    assert pipeline("affine").consistency == 0
    assert pipeline("augmix").consistency == 0
    assert pipeline("hflip", {"name": "augmix", "consistency": 12}).consistency == 12


def test_strengths_must_be_there_and_fit():
    with pytest.raises(ValueError, match="strengths are missing for affine"):
        OnlinePipeline(steps("affine"), {})
    with pytest.raises(ValueError, match="one number per class"):
        OnlinePipeline(steps("affine", "hflip"), {"affine": torch.ones(3), "hflip": torch.ones(2)})
    with pytest.raises(ValueError, match="no transforms"):
        OnlinePipeline([], {})
