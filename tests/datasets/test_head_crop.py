"""Finding the head, and pictures that are cut down to it when they are read."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from braintumor_tf.datasets import CropError, head_box, head_mask, read_image
from braintumor_tf.datasets.reading import crop_box, crop_picture, to_array


def head_image(shape=(90, 120), centre=(60, 45), axes=(40, 35), seed=0) -> tuple[np.ndarray, np.ndarray]:
    """A noisy picture of a grey ellipse with dark ventricles, and where the ellipse is."""
    image = np.zeros(shape, np.uint8)
    head = cv2.ellipse(image.copy(), centre, axes, 0, 0, 360, 1, -1).astype(bool)
    noise = np.random.default_rng(seed).normal(0, 4, shape)
    image = np.clip(np.where(head, 110, 4) + noise, 0, 255).astype(np.uint8)
    ventricles = cv2.circle(np.zeros(shape, np.uint8), centre, 10, 1, -1).astype(bool)
    image[ventricles] = 0
    return image, head


@pytest.mark.parametrize("seed", range(5))
def test_the_head_is_found_and_writing_in_a_corner_is_not(seed):
    image, head = head_image(seed=seed)
    image[2:8, 2:20] = 255
    found = head_mask(image)
    assert (found & head).sum() / (found | head).sum() > 0.9
    assert not found[:8, :20].any()


@settings(max_examples=30, deadline=None)
@given(top=st.integers(0, 60), left=st.integers(0, 60), bottom=st.integers(0, 60), right=st.integers(0, 60))
def test_the_box_holds_the_head_wherever_it_lies(top, left, bottom, right):
    image, head = head_image()
    padded, there = (np.pad(each, ((top, bottom), (left, right))) for each in (image, head))
    rows, columns = np.flatnonzero(there.any(1)), np.flatnonzero(there.any(0))
    expected = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    assert np.abs(np.array(head_box(padded)) - expected).max() <= 3


@pytest.mark.parametrize("shape", [(20, 20), (7, 31), (1, 1)])
def test_where_no_head_is_found_nothing_is_cut(shape):
    assert head_mask(np.zeros(shape, np.uint8)).all()
    assert head_box(np.zeros(shape, np.uint8)) == (0, 0, shape[1], shape[0])


@pytest.mark.parametrize("grey", [True, False])
def test_a_cropped_file_is_the_part_in_the_box(tmp_path, grey):
    image, _ = head_image(shape=(150, 170), centre=(70, 80))
    colour = np.stack([image, image // 2, image], axis=-1)
    Image.fromarray(colour).save(tmp_path / "slice.png")
    left, upper, right, lower = crop_box(Image.fromarray(colour), "head")
    assert (right - left, lower - upper) != (170, 150)
    whole = read_image(tmp_path / "slice.png", grey=grey)
    np.testing.assert_array_equal(
        read_image(tmp_path / "slice.png", grey=grey, crop="head"), whole[upper:lower, left:right]
    )
    part = Image.fromarray(colour[upper:lower, left:right])
    np.testing.assert_array_equal(
        read_image(tmp_path / "slice.png", grey=grey, size=(32, 40), crop="head"),
        to_array(part, grey=grey, size=(32, 40)),
    )


def test_the_box_does_not_depend_on_the_depth_of_the_pixels():
    image, _ = head_image()
    deep = Image.fromarray(image.astype(np.uint16) * 7 + 300)
    np.testing.assert_allclose(crop_box(deep, "head"), head_box(image), atol=2)


def test_another_crop_is_refused(tmp_path):
    Image.fromarray(head_image()[0]).save(tmp_path / "slice.png")
    with pytest.raises(CropError, match="'brain' is not known"):
        read_image(tmp_path / "slice.png", crop="brain")
    picture = Image.open(tmp_path / "slice.png")
    assert crop_picture(picture, None) is picture and crop_box(picture, None) == (0, 0, 120, 90)
