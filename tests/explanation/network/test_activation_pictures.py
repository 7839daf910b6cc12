from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot
from PIL import Image

from braintumor_tf.errors import ImageReadError
from braintumor_tf.explanation import ExplanationError, draw_activations, layer_activations
from braintumor_tf.explanation.network.activation_pictures import VIEWS
from tests.training.toy import small_cnn, toy_image

GENERATOR = np.random.default_rng(0)
IMAGE = toy_image(1, GENERATOR)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def colourful(path: Path) -> int:
    found = pixels(path)
    return int((np.ptp(found, axis=-1) > 40).sum())


@pytest.fixture(scope="module")
def activations() -> dict[str, np.ndarray]:
    return layer_activations(small_cnn(), IMAGE, layers=["block_1_convolution_1", "block_2_relu_1", "average_pooling"])


@pytest.mark.parametrize("view", VIEWS)
def test_a_picture_for_each_layer_and_nothing_else(activations, view, tmp_path, capsys):
    kept = {name: values.copy() for name, values in activations.items()}
    image, settings = IMAGE.copy(), dict(matplotlib.rcParams)
    written = draw_activations(activations, tmp_path / "deep" / "plots", image=image, view=view)
    assert sorted(written) == sorted((tmp_path / "deep" / "plots").iterdir())
    names = list(activations) if view == "grid" else list(activations)[:2]
    assert [path.name for path in written] == [f"{place}_{name}_{view}.png" for place, name in enumerate(names)]
    assert all(min(pixels(path).shape[:2]) > 100 and colourful(path) > 1000 for path in written)
    assert all(np.array_equal(activations[name], values) for name, values in kept.items())
    assert np.array_equal(image, IMAGE) and dict(matplotlib.rcParams) == settings
    assert pyplot.get_fignums() == [] and capsys.readouterr() == ("", "")


@pytest.mark.parametrize("kind", [np.uint8, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("view", VIEWS)
def test_any_number_type_is_drawn_and_none_is_changed(kind, view, tmp_path):
    values = GENERATOR.integers(0, 9, (1, 6, 7, 3)).astype(kind)
    image = GENERATOR.integers(0, 256, (30, 40, 3)).astype(kind)
    before = values.copy(), image.copy()
    (path,) = draw_activations({"layer": values}, tmp_path, image=image, view=view)
    assert colourful(path) > 1000
    assert np.array_equal(values, before[0]) and np.array_equal(image, before[1]) and values.dtype == kind


@pytest.mark.parametrize("dead", [[0], [0, 2], [0, 1, 2]])
@pytest.mark.parametrize("view", VIEWS)
def test_dead_channels_are_no_trouble(dead, view, tmp_path):
    values = GENERATOR.uniform(0, 1, (1, 6, 7, 3))
    values[..., dead] = 0.25
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        (path,) = draw_activations({"layer": values}, tmp_path, image=IMAGE, view=view)
    assert path.is_file()


def test_dead_channels_add_nothing_to_the_sum(tmp_path):
    alive = GENERATOR.uniform(0, 1, (1, 6, 7, 3))
    mixed = np.concatenate([alive[..., :1], np.full((1, 6, 7, 2), 0.25), alive[..., 1:]], axis=-1)
    one, other = (
        draw_activations({"layer": values}, tmp_path / str(values.shape[-1]), image=IMAGE, view="merged")[0]
        for values in (alive, mixed)
    )
    assert np.array_equal(pixels(one), pixels(other))


def test_names_with_slashes_stay_whole_and_apart(tmp_path):
    values = GENERATOR.uniform(0, 1, (1, 4, 4, 1))
    written = draw_activations({"block/a": values, "block/b": values}, tmp_path)
    assert [path.name for path in written] == ["0_block-a_grid.png", "1_block-b_grid.png"]


def test_the_channels_that_vary_most_are_drawn(tmp_path, monkeypatch):
    import keract

    drawn = {}
    real = keract.display_activations

    def look(activations, **settings):
        drawn.update(activations)
        real(activations, **settings)

    monkeypatch.setattr(keract, "display_activations", look)
    ramps = np.stack([np.roll(np.linspace(0, 1, 25), turn).reshape(5, 5) for turn in range(40)], axis=-1)[None]
    values = ramps * np.linspace(1, 3, 40) * (np.arange(40) % 2)
    draw_activations({"layer": values}, tmp_path, channels=4)
    np.testing.assert_allclose(drawn["layer"], ramps[..., [33, 35, 37, 39]], atol=1e-6)


def test_the_image_lies_grey_under_the_heat(tmp_path):
    values = np.zeros((1, 8, 8, 1))
    values[0, 2:4, 2:4] = 1
    bright, dark = (
        draw_activations(
            {"layer": values}, tmp_path / str(level), image=np.full((32, 32), level, np.uint8), view="heat_maps"
        )[0]
        for level in (250, 5)
    )
    middle = (slice(500, 700), slice(500, 700))
    assert pixels(bright)[middle].mean() > pixels(dark)[middle].mean() + 100


def test_an_interruption_leaves_no_half_picture(tmp_path, monkeypatch):
    import keract

    def fail(activations, directory, **settings):
        Path(directory, "0_layer.png").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(keract, "display_activations", fail)
    with pytest.raises(KeyboardInterrupt):
        draw_activations({"layer": np.zeros((1, 4, 4, 1))}, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("values", "settings", "words"),
    [
        (np.zeros((2, 4, 4, 3)), {}, "layer has shape .2, 4, 4, 3.*one image"),
        (np.full((1, 4, 4, 3), np.nan), {}, "layer holds NaN"),
        (np.zeros((1, 4, 4, 3)), {"view": "side"}, "choose one of grid, heat_maps, merged"),
        (np.zeros((1, 4, 4, 3)), {"view": "merged"}, "give image="),
        (np.zeros((1, 4, 4, 3)), {"view": "merged", "image": np.zeros((1, 4, 4, 3))}, "the image has shape"),
        (np.zeros((1, 4, 4, 3)), {"channels": 0}, "1 or more"),
    ],
)
def test_what_cannot_be_drawn_is_named(values, settings, words, tmp_path):
    with pytest.raises(ExplanationError, match=words):
        draw_activations({"layer": values}, tmp_path / "plots", **settings)
    assert not list(tmp_path.rglob("*.png"))
    with pytest.raises(ImageReadError, match="no such file"):
        draw_activations({"layer": np.zeros((1, 4, 4, 3))}, tmp_path, image=tmp_path / "no.png", view="merged")
