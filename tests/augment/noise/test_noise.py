"""The noise models: identity at 0, range, dtype, records, channels, errors, presets."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braintumor_tf.augment import (
    NOISE_PRESETS,
    SEVERITIES,
    BiasField,
    GaussianBlur,
    GaussianNoise,
    MotionBlur,
    NoiseError,
    RandomNoise,
    RicianNoise,
    SaltAndPepperNoise,
    SpeckleNoise,
    describe,
    noise_at,
    replay,
)
from braintumor_tf.augment.noise.base import render
from tests.augment.conftest import smooth_image

FIELD_MODELS = (GaussianNoise, SaltAndPepperNoise, SpeckleNoise, RicianNoise)
MODELS = (*FIELD_MODELS, MotionBlur, GaussianBlur, BiasField)
each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
each_field_model = pytest.mark.parametrize("model", FIELD_MODELS, ids=lambda model: model.__name__)


@st.composite
def images(draw: st.DrawFn) -> np.ndarray:
    shape = (draw(st.integers(2, 24)), draw(st.integers(2, 24)), *draw(st.sampled_from([(), (1,), (3,), (4,)])))
    pixels = np.random.default_rng(draw(st.integers(0, 2**32))).integers(0, 256, shape)
    return pixels.astype(draw(st.sampled_from([np.uint8, np.float32, np.float64, np.float16])))


@each_model
@given(image=images(), seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_strength_zero_is_the_identity_bit_for_bit(model: type, image: np.ndarray, seed: int) -> None:
    noisy = model(**{model.strength: 0})(image, np.random.default_rng(seed))
    assert noisy.dtype == image.dtype
    assert noisy.tobytes() == image.tobytes()
    assert not np.shares_memory(noisy, image)


@each_model
@given(image=images(), seed=st.integers(0, 2**32), share=st.floats(0.01, 1))
@settings(max_examples=25, deadline=None)
def test_shape_dtype_range_and_input_are_kept(model: type, image: np.ndarray, seed: int, share: float) -> None:
    before = image.copy()
    strength = share if model.highest == 1 else share * 60
    strength = share if model is BiasField else strength
    noisy = model(**{model.strength: strength})(image, np.random.default_rng(seed))
    assert (noisy.dtype, noisy.shape) == (image.dtype, image.shape)
    assert noisy.min() >= 0 and noisy.max() <= 255
    assert np.array_equal(image, before)
    if image.ndim == 3 and image.shape[2] == 4:
        assert np.array_equal(noisy[..., 3], image[..., 3])  # alpha


@each_model
@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_a_record_replays_after_a_trip_through_json(model: type, seed: int) -> None:
    image = smooth_image(1)
    rng = np.random.default_rng(seed)
    record = model().sample(rng)
    first = replay(image, record)
    model()(image, rng)  # other noise in between
    assert np.array_equal(replay(image, json.loads(json.dumps(record))), first)
    low, high = getattr(model(), model.strength)
    assert low <= record[model.strength] <= high


@each_model
def test_different_seeds_give_different_noise(model: type) -> None:
    image = smooth_image(2)
    assert not np.array_equal(model()(image, np.random.default_rng(1)), model()(image, np.random.default_rng(2)))


@each_field_model
def test_grey_channels_get_the_same_noise_unless_told_otherwise(model: type) -> None:
    strong = {model.strength: 0.5 if model.highest == 1 or model is SpeckleNoise else 40}
    grey = np.repeat(smooth_image(3, channels=1), 3, axis=2)
    same = model(**strong)(grey, np.random.default_rng(0))
    assert np.array_equal(same[..., 0], same[..., 1]) and np.array_equal(same[..., 0], same[..., 2])
    own = model(**strong, per_channel=True)(grey, np.random.default_rng(0))
    assert not np.array_equal(own[..., 0], own[..., 1])
    colour = smooth_image(3)
    difference = model(**strong)(colour, np.random.default_rng(0)) - colour
    assert abs(np.corrcoef(difference[..., 0].ravel(), difference[..., 1].ravel())[0, 1]) < 0.3


@each_field_model
def test_the_seed_in_the_record_decides_the_noise(model: type) -> None:
    image = smooth_image(2)
    strength = {model.strength: 0.3 if model.highest == 1 or model is SpeckleNoise else 20}
    rng = np.random.default_rng(0)
    first, second = (model(**strength).sample(rng) for _ in range(2))
    assert first["seed"] != second["seed"]
    assert not np.array_equal(replay(image, first), replay(image, second))


def test_per_channel_false_shares_the_noise_of_a_colour_image() -> None:
    colour = 100 + smooth_image(3) * 0.2
    difference = GaussianNoise(10, per_channel=False)(colour, np.random.default_rng(0)) - colour
    assert np.allclose(difference[..., 0], difference[..., 1], atol=1e-3)
    hit = SaltAndPepperNoise(0.3, per_channel=False)(colour, np.random.default_rng(0)) != colour
    assert np.array_equal(hit[..., 0], hit[..., 1]) and hit.any()


def test_random_noise_picks_one_an_image() -> None:
    noise = RandomNoise([GaussianNoise(10), SpeckleNoise(0.1)], probability=0.5, weights=[3, 1])
    rng = np.random.default_rng(0)
    names = [record["noise"] if record else None for record in (noise.sample(rng) for _ in range(4000))]
    counts = np.array([names.count(name) for name in (None, "GaussianNoise", "SpeckleNoise")])
    assert np.allclose(counts / 4000, (0.5, 0.375, 0.125), atol=0.03)
    image = smooth_image(4)
    assert np.array_equal(RandomNoise([GaussianNoise(10)], probability=0)(image, rng), image)


@pytest.mark.parametrize("name", NOISE_PRESETS)
def test_severities_get_worse(name: str) -> None:
    image = smooth_image(5, 64, 64, 1)
    errors = []
    for severity in (0, *SEVERITIES):
        rngs = (np.random.default_rng(seed) for seed in range(8))
        noisy = [noise_at(name, severity)(image, rng) for rng in rngs]
        errors.append(np.mean([np.abs(result - image).mean() for result in noisy]))
    assert errors[0] == 0
    assert all(milder < worse for milder, worse in itertools.pairwise(errors))


def test_presets_hold_the_values_of_imagenet_c() -> None:
    sigmas = [noise_at("gaussian", severity).sigma[0] / 255 for severity in SEVERITIES]
    assert np.allclose(sigmas, [0.08, 0.12, 0.18, 0.26, 0.38])
    assert [noise_at("salt_and_pepper", severity).amount[1] for severity in SEVERITIES] == [
        0.03,
        0.06,
        0.09,
        0.17,
        0.27,
    ]
    assert (noise_at("motion_blur", 5).radius, noise_at("motion_blur", 5).sigma) == (20, (15.0, 15.0))
    assert all(preset.source for preset in NOISE_PRESETS.values())


@pytest.mark.parametrize(
    "make",
    [
        lambda: GaussianNoise(sigma=-1),
        lambda: GaussianNoise(sigma=(5, 1)),
        lambda: GaussianNoise(sigma="10"),
        lambda: GaussianNoise(sigma=(0, float("nan"))),
        lambda: SaltAndPepperNoise(amount=1.5),
        lambda: MotionBlur(radius=0),
        lambda: BiasField(order=0),
        lambda: RandomNoise([]),
        lambda: RandomNoise([GaussianNoise()], probability=2),
        lambda: RandomNoise([GaussianNoise()], weights=[1, 2]),
        lambda: noise_at("gaussian", 6),
        lambda: noise_at("rain", 1),
        lambda: replay(np.zeros((4, 4), np.uint8), {"noise": "Rain"}),
        lambda: GaussianNoise(1)(np.zeros((4, 4), np.int32), np.random.default_rng(0)),
        lambda: GaussianNoise(1)(np.zeros((4, 4, 2), np.uint8), np.random.default_rng(0)),
        lambda: GaussianNoise(1)(np.full((4, 4), 0.5), np.random.default_rng(0)),
        lambda: GaussianNoise(1)(np.full((4, 4), -3.0), np.random.default_rng(0)),
        lambda: GaussianNoise(1)(np.full((4, 4), np.nan), np.random.default_rng(0)),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(make: object) -> None:
    with pytest.raises(NoiseError) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_describe_is_json() -> None:
    text = json.dumps(describe(RandomNoise([GaussianNoise(), MotionBlur()])))
    assert "GaussianNoise" in text and "radius" in text


def test_noise_needs_neither_keras_nor_tensorflow() -> None:
    code = (
        "import sys; from braintumor_tf.augment import GaussianNoise; print({'keras', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@each_model
@pytest.mark.parametrize("shape", [(31, 33), (20, 21, 3)])
def test_the_last_bit_does_not_depend_on_where_arrays_lie_in_memory(model: type, shape: tuple[int, ...]) -> None:
    image = (np.random.default_rng(0).random(shape) * 255).astype(np.float32)
    record = model().sample(np.random.default_rng(1))
    results = []
    for offset in range(0, 64, 4):
        memory = np.empty(image.nbytes + 128, np.uint8)
        start = -memory.ctypes.data % 64 + offset
        moved = memory[start : start + image.nbytes].view(np.float32).reshape(shape)
        moved[...] = image
        results.append(render(moved, record).copy())
    assert all(np.array_equal(result, results[0]) for result in results)
