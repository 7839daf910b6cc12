from __future__ import annotations

import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure
from PIL import Image

from braintumor_tf.errors import DatasetError
from braintumor_tf.explanation import ExplanationError, LesionBox, attention_maps, layer_activations
from braintumor_tf.models import build
from braintumor_tf.report import plots
from braintumor_tf.report.plots.explanation.overlays import COLOURS, STRONGEST, heat_tile, overlay, tile
from braintumor_tf.report.plots.style import WARNING, to_png
from tests.report.conftest import make_predictions
from tests.report.figure_texts import texts
from tests.training.toy import small_cnn

GENERATOR = np.random.default_rng(0)
IMAGES = [GENERATOR.integers(0, 256, shape, dtype=np.uint8) for shape in ((40, 50), (60, 30, 3), (20, 20, 1))]
MAPS = [np.linspace(0, 1, shape[0] * shape[1]).reshape(shape[:2]) for shape in ((40, 50), (60, 30), (20, 20))]


def drawn(figure: Figure) -> list[np.ndarray]:
    """The pixels of every image of a figure, colour bars aside."""
    return [np.asarray(picture.get_array()) for chart in figure.axes for picture in chart.images]


def spots(figure: Figure) -> int:
    return sum(chart.axison and bool(chart.images) for chart in figure.axes)


# === Overlays ===


def test_the_overlay_leaves_the_image_where_the_map_is_0_and_is_hot_where_it_is_1():
    image = GENERATOR.integers(0, 256, (9, 9), dtype=np.uint8)
    heat = np.zeros((9, 9))
    heat[2:4, 5:7] = 1
    found = overlay(image, heat).astype(int)
    cold = heat == 0
    assert (found[cold] == image[cold][:, None]).all()
    expected = (1 - STRONGEST) * image[~cold][:, None] + STRONGEST * 255 * COLOURS[-1]
    assert np.abs(found[~cold] - expected).max() <= 1
    assert (found[~cold][:, 0] > found[~cold][:, 2] + 80).all()


def test_the_hotter_the_less_of_the_image_and_the_brighter_the_colour():
    steps = np.linspace(0, 1, 11)[None]
    dark, bright = (overlay(np.full((1, 11), level, np.uint8), steps).astype(int) for level in (0, 255))
    differences = (bright - dark).mean(axis=-1)[0]
    assert differences[0] == 255 and (np.diff(differences) < 0).all()
    assert (np.diff(dark.sum(axis=-1)[0]) > 0).all()
    assert (overlay(np.zeros((1, 2), np.uint8), np.array([[-1.0, 2.0]])) == dark[:, [0, -1]]).all()


@pytest.mark.parametrize("shape", [(40, 50), (50, 40), (1, 1), (3, 400), (40, 50, 3), (40, 50, 1)])
@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.int64])
def test_tiles_of_an_image_and_its_map_fit_each_other(shape, kind):
    image = GENERATOR.integers(0, 256, shape).astype(kind)
    before = image.copy()
    for square in (True, False):
        pixels, heat = tile(image, 60, square), heat_tile(np.ones(shape[:2]), 60, square)
        assert pixels.shape == (*heat.shape, 3) and pixels.dtype == np.uint8 and max(pixels.shape) == 60
        assert heat.min() == (0 if square and shape[0] != shape[1] else 1)
    assert (image == before).all()


# === Images with their maps ===


def test_images_of_all_sizes_are_drawn_beside_their_maps():
    kept = [image.copy() for image in IMAGES], [heat.copy() for heat in MAPS]
    figure = plots.explained_images(
        IMAGES,
        MAPS,
        predicted=["glioma"] * 3,
        probability=[0.5, 0.75, 0.999999],
        true=["glioma", "no_tumor", "glioma"],
        title="Grad-CAM",
    )
    shown = texts(figure).split("\n")
    assert {"Grad-CAM", "glioma 0.50", "glioma 0.75, truly no_tumor", "glioma 0.99"} <= set(shown)
    assert len(drawn(figure)) == 3 and {"0.0", "1.0"} <= set(shown)
    left, right = np.hsplit(drawn(figure)[0][:, [*range(210), *range(216, 426)]], 2)
    assert (left[..., 0] == left[..., 2]).all() and (right[..., 0] > right[..., 2] + 60).any()
    red = [chart for chart in figure.axes if chart.spines["left"].get_visible() and chart.images]
    assert [chart.get_title(loc="left") for chart in red] == ["glioma 0.75, truly no_tumor"]
    assert all(chart.title.get_color() != WARNING for chart in figure.axes if chart not in red)
    assert all((old == new).all() for olds, news in zip(kept, (IMAGES, MAPS)) for old, new in zip(olds, news))
    assert pyplot.get_fignums() == [] and len(to_png(figure)) < 250_000


@pytest.mark.parametrize("shape", [(40, 50), (400, 30), (30, 400), (1, 1)])
def test_one_image_is_drawn_large_in_its_own_proportions(shape):
    image = GENERATOR.integers(0, 256, shape, dtype=np.uint8)
    figure = plots.explained_images(
        [image], [np.zeros(shape)], predicted=["glioma"], probability=[0.5], titles=["slice 1"]
    )
    plain, over = drawn(figure)
    assert (plain == over).all() and max(plain.shape) == 480
    assert plain.shape[0] / plain.shape[1] == pytest.approx(shape[0] / shape[1], rel=0.02)
    assert "slice 1" in texts(figure) and figure.get_figheight() < 7


def test_files_are_read_and_those_that_cannot_be_are_grey(tmp_path):
    Image.fromarray(IMAGES[0]).save(tmp_path / "one.png")
    paths = [tmp_path / "one.png", tmp_path / "no.png"]
    figure = plots.explained_images(paths, [MAPS[0], MAPS[0]])
    assert len(np.unique(drawn(figure)[1])) <= 2 and len(np.unique(drawn(figure)[0])) > 50


def test_pages_hold_all_images_and_no_figure_outlives_its_turn():
    count, alive = 13, weakref.WeakSet()
    images, maps = np.repeat(IMAGES[0][None], count, axis=0), np.repeat(MAPS[0][None], count, axis=0)
    names = [f"image {number}" for number in range(count)]
    seen, figure = [], None
    for figure in plots.explanation_pages(images, maps, titles=names, per_page=4, title="Occlusion"):
        gc.collect()
        assert len(alive) <= 1
        alive.add(figure)
        seen.append(texts(figure))
    assert len(seen) == 4 and "Occlusion (4 of 4)" in seen[-1]
    assert [page.count("image ") for page in seen] == [4, 4, 4, 1]
    assert all(any(name in page.split("\n") for page in seen) for name in names)


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ExplanationError, match=r"\[3, 2\]"):
        plots.explained_images(IMAGES, MAPS[:2])
    with pytest.raises(ExplanationError, match="does not belong"):
        plots.explained_images(IMAGES[:1], [MAPS[1]])
    assert "no images" in texts(plots.explained_images([], []))


# === Right and wrong ===


def test_right_and_wrong_stand_side_by_side(manifest):
    predictions = make_predictions(manifest, strength=0.5)
    rows = plots.right_and_wrong_rows(predictions, count=3)
    assert list(rows["correct"]) == [True] * 3 + [False] * 3
    wrong = rows[~rows["correct"]]
    assert wrong["confidence"].is_monotonic_decreasing
    errors = predictions[predictions["label"] != predictions["predicted"]]
    assert set(wrong["path"]) <= set(errors["path"])
    sizes = [Image.open(path).size[::-1] for path in rows["path"]]
    figure = plots.right_and_wrong_maps(rows, [np.ones(size) for size in sizes])
    shown = texts(figure)
    assert {"Right", "Wrong"} <= set(shown.split("\n")) and shown.count("truly") == 3 and spots(figure) == 6


def test_look_alikes_and_missing_sides(predictions):
    alike = predictions.assign(group="one")
    rows = plots.right_and_wrong_rows(alike, count=3)
    assert (~rows["correct"]).sum() == 1
    right = predictions.assign(predicted=predictions["label"])
    rows = plots.right_and_wrong_rows(right, count=3)
    assert rows["correct"].all() and len(rows) == 3 and rows["label"].nunique() == 3
    maps = [np.zeros(Image.open(path).size[::-1]) for path in rows["path"]]
    assert "Wrong: none" in texts(plots.right_and_wrong_maps(rows, maps))
    assert "nothing has been predicted" in texts(plots.right_and_wrong_maps(rows.head(0), []))


# === Maps and lesions ===


def test_maps_stand_beside_the_outlined_lesion_with_their_energy():
    masks = [np.zeros(heat.shape, bool) for heat in MAPS[:2]]
    for mask in masks:
        mask[10:20, 10:20] = True
    even = [np.ones(mask.shape) for mask in masks]
    inside = [mask.astype(float) for mask in masks]
    figure = plots.maps_and_lesions(IMAGES[:2], masks, {"grad_cam": even, "occlusion": inside}, names=["a", "b"])
    shown = texts(figure).split("\n")
    assert {"slice", "Grad-CAM", "occlusion", "a", "b"} <= set(shown) and spots(figure) == 6
    assert shown.count("100 % on the lesion") == 2
    assert {"lesion: 5.0 % of it", "5.0 % on the lesion"} <= set(shown)
    charts = np.array(figure.axes[:6]).reshape(2, 3)
    height, width = IMAGES[0].shape
    side = drawn(figure)[0].shape[0]
    line = np.concatenate(charts[0, 0].collections[0].get_paths()[0].to_polygons())
    scale, top = side / width, (side - side * height / width) / 2
    expected = [10 * scale, top + 10 * scale, 20 * scale, top + 20 * scale]
    np.testing.assert_allclose([*line.min(axis=0), *line.max(axis=0)], expected, atol=scale)


def test_a_box_is_outlined_and_a_peak_is_marked_where_it_is():
    heat, flat = np.zeros((40, 50)), np.ones((40, 50))
    heat[10, 30] = 1
    box = LesionBox(0.6, 0.5, 0.4, 0.5)
    figure = plots.maps_and_lesions(IMAGES[:1], [box], {"occlusion": [heat], "head": [flat]})
    shown = texts(figure).split("\n")
    assert {"box: 20 % of it", "100 % in the box", "20 % in the box"} <= set(shown)
    slice_, peaked, even = figure.axes[:3]
    side = drawn(figure)[0].shape[0]
    scale, top = side / 50, side * 0.1  # a picture of 40 x 50 in the middle of its square tile
    line = np.concatenate(slice_.collections[0].get_paths()[0].to_polygons())
    expected = [20 * scale, top + 10 * scale, 40 * scale, top + 30 * scale]
    np.testing.assert_allclose([*line.min(axis=0), *line.max(axis=0)], expected, atol=scale)
    assert len(peaked.lines) == 2 and not even.lines and not slice_.lines
    np.testing.assert_allclose(peaked.lines[0].get_xydata(), [[30.5 * scale, top + 10.5 * scale]], atol=0.6)


def test_maps_and_lesions_that_do_not_fit_are_refused():
    with pytest.raises(ExplanationError, match=r"\[2, 3\]"):
        plots.maps_and_lesions(IMAGES, MAPS[:2], {"grad_cam": MAPS})
    with pytest.raises(DatasetError, match="mask of shape"):
        plots.maps_and_lesions(IMAGES[:1], [np.ones((3, 3))], {"grad_cam": MAPS[:1]})
    assert "no image with a known lesion" in texts(plots.maps_and_lesions([], [], {}))


# === Scores beside lesions ===


def localised(boxes: int) -> pd.DataFrame:
    names = ("grad_cam", "random", "uniform", "head", "centre")
    scores = {"pointing": 0.4, "pointing_low": 0.3, "pointing_high": 0.5, "pointing_by_chance": 0.05}
    scores |= {"energy": 0.2, "energy_low": 0.1, "energy_high": 0.3, "area_share": 0.04, "images": 9, "boxes": boxes}
    return pd.DataFrame([{"method": name, "reference": name != "grad_cam", **scores} for name in names])


@pytest.mark.parametrize(("boxes", "place"), [(9, "in the box"), (0, "on the lesion"), (4, "on the lesion")])
def test_scores_say_whether_lesions_are_boxes(boxes, place):
    figure = plots.localisation_scores(localised(boxes))
    shown = texts(figure)
    assert f"peaks {place}" in shown and f"energy {place}" in shown
    assert {"Grad-CAM", "random map", "same everywhere", "head alone", "picture's middle"} <= set(shown.split("\n"))
    chart = figure.axes[0]
    assert [line.get_xdata()[0] for line in chart.lines if len(line.get_xdata()) == 1] == [0.4] * 5
    assert place in texts(plots.localisation_scores(localised(boxes).drop(columns="boxes"))) or boxes == 9


# === Layers ===


def test_filters_of_the_first_or_any_convolution():
    network = small_cnn()
    figure = plots.layer_filters(network)
    assert spots(figure) == 8 and "block_1_convolution_1: 3×3 filters" in texts(figure)
    np.testing.assert_array_equal(
        drawn(figure)[2], network.get_layer("block_1_convolution_1").get_weights()[0][..., 0, 2]
    )
    limited = plots.layer_filters(network, "block_2_convolution_1", count=3)
    assert spots(limited) == 3 and "3 of 8" in texts(limited)
    with pytest.raises(ExplanationError, match="block_1_convolution_1, block_2_convolution_1"):
        plots.layer_filters(network, "block_3_convolution_1")
    with pytest.raises(ExplanationError, match="valid are none"):
        plots.layer_filters(object())


def test_activations_of_two_images_are_on_one_scale():
    images = [IMAGES[0], IMAGES[2]]
    found = layer_activations(small_cnn(), images)
    kept = {name: values.copy() for name, values in found.items()}
    figure = plots.activation_maps(found, images, ["tumour", "healthy"], channels=3)
    assert spots(figure) == len(found) * 2 * 4
    assert {"tumour", "healthy", "block_1_convolution_1 (32×32×8)"} <= set(texts(figure).split("\n"))
    charts = np.array(figure.axes).reshape(-1, 4)
    for first, second in zip(charts[0, 1:], charts[1, 1:]):
        assert first.get_xlabel() == second.get_xlabel()
        assert first.images[0].get_clim() == second.images[0].get_clim()
    values = found["block_1_convolution_1"][..., int(charts[0, 1].get_xlabel())]
    assert charts[0, 1].images[0].get_clim() == (values.min(), values.max())
    assert all((found[name] == values).all() for name, values in kept.items())
    with pytest.raises(ExplanationError, match="3 images for the activations of 2"):
        plots.activation_maps(found, IMAGES)
    assert "no layer has rows" in texts(plots.activation_maps({"pooled": np.zeros((1, 8))}))


def test_attention_heads_of_a_few_blocks():
    attention = attention_maps(build("ViT-Ti/16", image_size=64, seed=0), [IMAGES[0]])[0]
    before = attention.copy()
    figure = plots.attention_heads(IMAGES[0], attention)
    shown = texts(figure).split("\n")
    assert {"head 1", "head 3", "block 1", "block 12"} <= set(shown) and spots(figure) == 4 * 4
    assert (attention == before).all()
    assert spots(plots.attention_heads(IMAGES[0], attention, blocks=[12], heads=2)) == 3
    for wrong in ([13], [0], []):
        with pytest.raises(ExplanationError, match="1 to 12"):
            plots.attention_heads(IMAGES[0], attention, blocks=wrong)
    with pytest.raises(ExplanationError, match="four axes"):
        plots.attention_heads(IMAGES[0], attention[None])
