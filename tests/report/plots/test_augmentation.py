"""The figures of augmentation draw any image, and show what they are asked to."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from braintumor_tf.augment import NOISE_PRESETS, ImageDataGenerator
from braintumor_tf.report.plots import augmentation as augmentation_plots
from braintumor_tf.report.plots.style import MAX_BYTES, save_figure

GREY = np.tile(np.arange(48, dtype=np.uint8) * 5, (40, 1))


def shown(figure: matplotlib.figure.Figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for image in figure.findobj(matplotlib.image.AxesImage)]


@pytest.mark.parametrize(
    "image", [GREY, GREY[..., None], np.repeat(GREY[..., None], 3, axis=2), GREY.astype(np.float32)]
)
def test_all_figures_of_every_form_of_image(image, tmp_path):
    generators = {"flip": ImageDataGenerator(horizontal_flip=True), "turn": ImageDataGenerator(rotation_range=30)}
    figures = [
        augmentation_plots.transform_grid(image, generators, draws=3),
        augmentation_plots.severity_grid(image, ["gaussian", "bias_field"]),
        augmentation_plots.grey_level_histograms(image, ["gaussian", "salt_and_pepper", "rician"]),
    ]
    for number, figure in enumerate(figures):
        path = save_figure(figure, tmp_path / f"{number}.png")
        assert 1000 < path.stat().st_size <= MAX_BYTES
    assert pyplot.get_fignums() == []
    assert [len(shown(figure)) for figure in figures[:2]] == [2 * 4, 6 * 2]


def test_first_columns_are_the_image_itself():
    severities = shown(augmentation_plots.severity_grid(GREY))
    assert all(np.array_equal(severities[6 * row], GREY) for row in range(len(NOISE_PRESETS)))
    assert not any(np.array_equal(severities[6 * row + 1], GREY) for row in range(len(NOISE_PRESETS)))
    flips = shown(augmentation_plots.transform_grid(GREY, {"flip": ImageDataGenerator(horizontal_flip=True)}, draws=9))
    assert np.array_equal(flips[0], GREY)
    assert any(np.array_equal(flip, GREY[:, ::-1]) for flip in flips)


def test_a_batch_is_stretched_and_its_range_named():
    batch = np.stack([np.full((8, 8, 3), value) for value in (-1.0, 0.0, 1.0)])
    figure = augmentation_plots.batch_grid(batch, ["glioma", "no_tumor", "glioma"])
    assert [tile.max() for tile in shown(figure)] == [0, 127, 255]
    texts = [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
    assert any("-1.00 to 1.00" in text for text in texts) and "no_tumor" in texts
    assert shown(augmentation_plots.batch_grid(np.zeros((0, 8, 8, 3)))) == []
    assert len(shown(augmentation_plots.batch_grid(np.zeros((5, 8, 8, 1))))) == 5
