"""Thumbnails of figures and pages: square, in colour where the picture is, small ones enlarged."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.datasets import render_patch
from braintumor_tf.report import plots
from braintumor_tf.report.plots.images import TILE, thumbnail


def test_tissue_stays_in_colour_and_small_patches_are_enlarged(tmp_path):
    patch = render_patch("idc", seed=1, image_size=50)
    Image.fromarray(patch).save(tmp_path / "patch.png")
    tile = thumbnail(tmp_path / "patch.png")
    assert (tile.mode, tile.size) == ("RGB", (TILE, TILE))
    assert np.allclose(np.asarray(tile).mean(axis=(0, 1)), patch.mean(axis=(0, 1)), atol=4), "no black border is left"


@pytest.mark.parametrize("name", ["grey.png", "rgb.png", "rgb.jpg"])
def test_grey_pictures_stay_grey_whatever_they_are_stored_as(tmp_path, name):
    ramp = np.tile(np.arange(240, dtype=np.uint8), (120, 1))
    pixels = ramp if name == "grey.png" else np.stack([ramp] * 3, axis=-1)
    Image.fromarray(pixels).save(tmp_path / name)
    tile = thumbnail(tmp_path / name)
    assert (tile.mode, tile.size) == ("L", (TILE, TILE))
    rows = np.asarray(tile).max(axis=1)
    assert rows[0] == 0 and rows[TILE // 2] > 200, "an oblong picture lies on black"


def test_near_duplicates_of_either_sort_are_drawn_side_by_side(tmp_path):
    Image.fromarray(render_patch("idc", seed=1, image_size=50)).save(tmp_path / "patch.png")
    Image.fromarray(np.zeros((40, 30), np.uint8)).save(tmp_path / "slice.png")
    paths = [str(tmp_path / name) for name in ("patch.png", "slice.png", "missing.png")]
    figure = plots.near_duplicate_pairs([(paths[0], paths[1], "a"), (paths[1], paths[2], "b")])
    assert [chart.images[0].get_array().shape for chart in figure.axes] == [(TILE, 2 * TILE + 6, 3)] * 2
