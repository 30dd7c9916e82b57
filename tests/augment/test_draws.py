"""Draws of offline transforms: reproducible, independent, and recorded."""

import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.augment.drawn import NAMES, always, noise, pipeline

from darkroom.augment.pipeline import Numbers


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_numbers_drawn_do_not_depend_on_what_was_drawn_before(name, channels):
    image, other = noise((28, 28), channels), noise((28, 28), channels, seed=1)
    used, fresh = pipeline(always(name), "gauss_noise"), pipeline(always(name), "gauss_noise")
    for copy in range(3):
        used.draw(other, item="other", copy=copy)
        np.random.seed(copy)  # noqa: NPY002 - a transform that used it would be caught
        random.seed(copy)
        cv2.setRNGSeed(copy)
        first, second = (drawing.draw(image, item="x", copy=copy) for drawing in (used, fresh))
        assert np.array_equal(first.image, second.image)
        assert first.applied == second.applied


def fingerprint():
    """Of one draw of every transform, its pixels and its record."""
    drawn = [pipeline(always(name)).draw(noise((28, 28), 3), item="x", copy=1) for name in NAMES]
    return hashlib.sha256(b"".join(d.image.tobytes() + d.applied.encode() for d in drawn)).hexdigest()


@pytest.mark.thorough
def test_another_process_draws_the_same():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from tests.augment import test_draws as t; print(t.fingerprint())"
    )
    call = [sys.executable, "-c", code, str(Path(__file__).parents[2])]
    other = subprocess.run(call, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == fingerprint()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), item=st.text(max_size=20), copy=st.integers(0, 10**6))
def test_a_draw_depends_on_seed_item_and_copy_alone(seed, item, copy):
    image, transforms = noise((12, 12)), ("affine", "elastic", "gauss_noise", "cutout")
    used, fresh = (pipeline(*transforms, size=(12, 12), seed=seed) for _ in range(2))
    used.draw(noise((12, 12), seed=1), item="another", copy=3)
    assert np.array_equal(used.draw(image, item=item, copy=copy).image, fresh.draw(image, item=item, copy=copy).image)


def test_every_kind_of_number_follows_from_the_state():
    source = np.random.default_rng(0)
    start, numbers = source.bit_generator.state, Numbers(source)

    def some():
        source.bit_generator.state = start
        numbers.begin()
        pair = [numbers.randint(0, 9), numbers.gauss(), numbers.choice("abc"), numbers.uniform(2, 3), numbers.gauss()]
        return [*pair, numbers.getrandbits(70), numbers.sample(range(50), 5), [numbers.random() for _ in range(40)]]

    first = some()
    numbers.gauss()
    assert some() == first
    assert len(set(first[-1])) == 40
    assert all(numbers.getrandbits(k) < 2**k for k in range(1, 70))


def test_transforms_draw_independently_of_each_other():
    drawing = pipeline("hflip", "vflip")
    texts = [drawing.draw(noise((8, 8)), item="x", copy=copy).applied for copy in range(400)]
    counts = {text: texts.count(text) for text in set(texts)}
    assert len(counts) == 4
    assert all(60 < count < 140 for count in counts.values())


def test_the_record_holds_the_drawn_numbers():
    (step,) = json.loads(pipeline("affine").draw(noise((28, 28)), item="x", copy=0).applied)
    assert step.keys() == {"name", "rotate", "translate", "scale", "shear"}
    assert abs(step["rotate"]) <= 15
    assert abs(step["translate"]["x"]) <= 2.8
    assert 0.9 <= step["scale"] <= 1.1
