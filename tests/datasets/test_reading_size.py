"""Reading to a wanted size, and how large a picture may be."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.datasets.reading import open_image, read_image
from braintumor_tf.errors import ImageReadError
from tests.bad_images import encode, png_header, slice_pixels

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


def tents(before: int, after: int) -> np.ndarray:
    """The weights of a bilinear change of length: a tent over each new pixel, as wide as it covers old ones."""
    scale = max(before / after, 1)
    centres = (np.arange(after) + 0.5) * before / after
    weights = np.clip(1 - np.abs(np.arange(before) + 0.5 - centres[:, None]) / scale, 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.fixture
def path(tmp_path):
    Image.fromarray(NOISE).save(tmp_path / "noise.png")
    return tmp_path / "noise.png"


@pytest.mark.parametrize("size", [(20, 30), (12, 16), (24, 64), (48, 100), (96, 128)])
def test_a_picture_is_resized_by_tents_over_the_old_pixels(path, size):
    """Enough of them that fine noise is averaged where the picture becomes smaller."""
    got = read_image(path, grey=False, size=size)
    rows, columns = tents(48, size[0]), tents(64, size[1])
    expected = np.einsum("ij,jkc,lk->ilc", rows, NOISE.astype(float), columns)
    assert got.shape == (*size, 3) and got.dtype == np.uint8
    assert np.abs(got - expected).max() <= 1.5


def test_at_its_own_size_a_picture_is_left_as_it_is(path):
    np.testing.assert_array_equal(read_image(path, grey=False, size=(48, 64)), NOISE)
    np.testing.assert_array_equal(read_image(path, grey=False), NOISE)


def test_grey_is_the_luma_of_the_colours(path):
    luma = NOISE @ [0.299, 0.587, 0.114]
    assert np.abs(read_image(path) - luma).max() <= 1


def test_what_is_read_may_be_written_to(path):
    got = read_image(path)
    got[:] = 0
    assert read_image(path).any()


@pytest.mark.parametrize(("width", "height", "reason"), [
    (10_000, 10_000, "damaged or truncated"), (10_001, 10_000, "too large"), (1, 100_000_001, "too large"),
])  # fmt: skip
def test_a_hundred_million_pixels_are_the_most(width, height, reason):
    """The file holds no pixels: where the size is allowed they are missed, and else the size is refused first."""
    with pytest.raises(ImageReadError, match=reason):
        open_image("header.png", png_header(width, height))


def test_sixteen_bits_are_stretched_and_eight_are_not(tmp_path):
    dim = slice_pixels() // 4 + 20
    Image.fromarray(dim).save(tmp_path / "eight.png")
    Image.fromarray(dim.astype(np.uint16)).save(tmp_path / "sixteen.png")
    np.testing.assert_array_equal(read_image(tmp_path / "eight.png"), dim)
    low, high = np.sort(dim.ravel())[[15, -16]]  # half a per cent of 3,072 pixels
    stretched = np.clip((dim - float(low)) * (255 / (high - float(low))), 0, 255)
    assert np.abs(read_image(tmp_path / "sixteen.png") - stretched).max() <= 0.5 + 1e-9


def test_orientation_comes_before_the_size(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.rot90(slice_pixels(), 1).copy())
    (tmp_path / "turned.png").write_bytes(encode(image, "PNG", exif=exif))
    upright = np.asarray(Image.fromarray(slice_pixels()).resize((32, 10), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(read_image(tmp_path / "turned.png", size=(10, 32)), upright)
