"""Reading one image: every odd file is read as stated, every broken one is named with its reason."""

from __future__ import annotations

import io
import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from braintumor_tf.datasets.reading import open_image, read_image, to_array
from braintumor_tf.errors import ImageReadError
from tests.bad_images import (
    HEIGHT,
    WIDTH,
    broken_kinds,
    encode,
    readable_kinds,
    slice_pixels,
    valid_files,
    write_kinds,
)

BROKEN = {kind.name: kind for kind in broken_kinds()}
READABLE = {kind.name: kind for kind in readable_kinds()}

pytestmark = pytest.mark.filterwarnings("ignore::braintumor_tf.errors.PagesWarning")


def test_there_are_at_least_forty_kinds_and_no_name_twice():
    assert len(BROKEN) == len(broken_kinds()) >= 40
    assert len(READABLE) == len(readable_kinds()) >= 40
    assert not set(BROKEN) & set(READABLE)


@pytest.mark.parametrize("kind", BROKEN.values(), ids=map(ascii, BROKEN))
def test_broken_file_is_refused_with_its_reason(kind, tmp_path):
    (path,) = write_kinds(tmp_path, [kind])
    with pytest.raises(ImageReadError) as caught:
        read_image(path)
    assert kind.reason in caught.value.reason
    assert caught.value.path == str(path)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize("kind", READABLE.values(), ids=map(ascii, READABLE))
def test_odd_file_is_read(kind, tmp_path):
    (path,) = write_kinds(tmp_path, [kind])
    grey, colour = read_image(path), read_image(path, grey=False)
    assert grey.shape == kind.shape and colour.shape == (*kind.shape, 3)
    assert grey.dtype == colour.dtype == np.uint8
    assert read_image(path, size=(20, 30)).shape == (20, 30)


def test_a_file_of_many_gigabytes_is_refused_unread(tmp_path):
    path = tmp_path / "huge.jpg"
    with open(path, "wb") as file:
        file.truncate(3_000_000_000)
    with pytest.raises(ImageReadError, match="3,000,000,000 bytes"):
        read_image(path)


def test_a_forbidden_file_is_named_as_such(tmp_path, monkeypatch):
    def refuse(_):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "image.jpg").write_bytes(b"x")
    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)  # the tests may run as root, whom no mode stops
    with pytest.raises(ImageReadError, match="no permission"):
        read_image(tmp_path / "image.jpg")


def test_missing_file_and_impossible_name(tmp_path):
    with pytest.raises(ImageReadError, match="no such file"):
        read_image(tmp_path / "gone.png")
    with pytest.raises(ImageReadError, match="not a file name"):
        read_image("a\0b.png")


@pytest.mark.parametrize(
    "name", ["plain.png", "plain.bmp", "plain.tiff", "a_png.jpg", "trailing_garbage.png", "pages.tiff"]
)
def test_lossless_pixels_are_exact(name, tmp_path):
    (path,) = write_kinds(tmp_path, [READABLE[name]])
    assert np.array_equal(read_image(path, grey=False)[..., 0], slice_pixels())


@pytest.mark.parametrize("name", ["animated.gif", "animated.png", "animated.webp"])
def test_first_frame_of_an_animation(name, tmp_path):
    (path,) = write_kinds(tmp_path, [READABLE[name]])
    assert np.abs(read_image(path).astype(int) - slice_pixels()).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_undone(orientation, tmp_path):
    stored = {
        1: lambda x: x, 2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud,
        5: np.transpose, 6: lambda x: np.rot90(x, 1), 7: lambda x: np.rot90(x.T, 2), 8: lambda x: np.rot90(x, -1),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "image.png"
    Image.fromarray(np.ascontiguousarray(stored[orientation](slice_pixels()))).save(path, exif=exif)
    assert np.array_equal(read_image(path), slice_pixels())


def scaled(pixels: np.ndarray) -> np.ndarray:
    """The documented scaling of deep pixels by NumPy's percentiles: from the 0.5th to the 99.5th."""
    low, high = np.percentile(pixels, 0.5, method="higher"), np.percentile(pixels, 99.5, method="lower")
    return np.clip((pixels.astype(float) - low) * 255 / (high - low), 0, 255)


@pytest.mark.parametrize("name", ["16bit.png", "grey16_narrow.png", "float.tiff", "int16_big_endian.tiff"])
def test_deep_pixels_are_scaled_to_their_own_range(name, tmp_path):
    (path,) = write_kinds(tmp_path, [{**READABLE, "16bit.png": READABLE["plain.16bit.png"]}[name]])
    assert np.abs(read_image(path) - scaled(slice_pixels())).max() <= 0.51


def test_deep_pixels_keep_the_sign(tmp_path):
    (path,) = write_kinds(tmp_path, [READABLE["int32.tiff"]])
    assert np.abs(read_image(path) - scaled(-slice_pixels().astype(float))).max() <= 0.51


def test_values_that_are_no_numbers_become_black_and_do_not_shift_the_rest(tmp_path):
    (path,) = write_kinds(tmp_path, [READABLE["float_with_nan.tiff"]])
    got = read_image(path)
    assert not got[:6].any()
    assert np.abs(got[6:] - scaled(slice_pixels()[6:])).max() <= 0.51


@pytest.mark.parametrize("name", ["flat16.png", "only_nan.tiff", "fully_transparent.png"])
def test_flat_and_transparent_images_become_black(name, tmp_path):
    (path,) = write_kinds(tmp_path, [READABLE[name]])
    assert not read_image(path).any()


@pytest.mark.parametrize("name", ["rgba.png", "grey_alpha.png"])
def test_transparent_pixels_are_laid_over_black(name, tmp_path):
    (path,) = write_kinds(tmp_path, [READABLE[name]])
    got = read_image(path)
    assert not got[:, WIDTH // 2 :].any()
    assert np.abs(got[:, : WIDTH // 2].astype(int) - slice_pixels()[:, : WIDTH // 2]).max() <= 1


def test_a_palette_with_transparency_bytes_is_dimmed_by_them(tmp_path):
    path = tmp_path / "palette.png"
    palette = Image.fromarray(np.arange(4, dtype=np.uint8)[None].repeat(4, 0), mode="P")
    palette.putpalette([200, 200, 200] * 4)
    palette.save(path, transparency=bytes([0, 85, 170, 255]))
    assert np.abs(read_image(path)[0].astype(int) - [0, 67, 133, 200]).max() <= 1


def test_cmyk_keeps_its_brightness(tmp_path):
    (path,) = write_kinds(tmp_path, [READABLE["cmyk.jpg"]])
    assert np.abs(read_image(path).astype(int) - slice_pixels()).mean() < 4


def test_a_cut_that_loses_pixels_is_never_read_as_whole(tmp_path):
    for ending, content in valid_files().items():
        whole = to_array(open_image(ending, content), grey=False)
        for size in range(1, len(content), max(1, len(content) // 40)):
            try:
                got = to_array(open_image(ending, content[:size]), grey=False)
            except ImageReadError:
                continue
            assert np.array_equal(got, whole), (ending, size, len(content))


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(sorted(valid_files())), st.data())
def test_damage_is_either_read_or_refused(ending, data):
    content = bytearray(valid_files()[ending])
    start = data.draw(st.sampled_from([64, 400, len(content)]), "damage within the first bytes")
    places = st.tuples(st.integers(0, min(start, len(content)) - 1), st.integers(1, 255))
    for position, change in data.draw(st.lists(places, max_size=6), "changed bytes"):
        content[position] ^= change
    content = (
        bytes(content[: data.draw(st.integers(0, len(content)), "cut")]) if data.draw(st.booleans()) else bytes(content)
    )
    try:
        image = open_image(ending, content)
    except ImageReadError as error:
        assert error.reason and "\n" not in error.reason
        return
    for grey in (True, False):
        pixels = to_array(image, grey=grey)
        assert pixels.dtype == np.uint8
        assert pixels.shape == ((image.height, image.width) if grey else (image.height, image.width, 3))
        assert pixels.size


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"GIF89a", b"BM"])
)
def test_noise_behind_a_signature_is_refused_or_read(noise, signature):
    try:
        assert to_array(open_image("noise", signature + noise)).dtype == np.uint8
    except ImageReadError as error:
        assert error.path == "noise"


@pytest.mark.parametrize("kind", [AttributeError, AssertionError, RuntimeError, NotImplementedError, OverflowError])
def test_any_error_of_the_decoder_becomes_an_image_read_error(kind, monkeypatch):
    def fail(*_):
        raise kind("decoder\nfailed")

    content = valid_files()["png"]
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(ImageReadError, match="decoder failed"):
        open_image("image.png", content)


def test_no_warning_reaches_the_user_and_none_is_hidden_afterwards():
    content = encode(Image.new("L", (4, 4)), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    before = list(warnings.filters)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_image("image.jpg", content)
        with pytest.raises(UserWarning, match="shown"):
            warnings.warn("shown", stacklevel=1)
    assert warnings.filters == before


def test_threads_leave_the_warning_filters_as_they_were():
    content = valid_files()["jpg"]
    before, interval = list(warnings.filters), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(6) as pool:
            sizes = list(pool.map(lambda _: open_image("image.jpg", content).size, range(240)))
    finally:
        sys.setswitchinterval(interval)
    assert set(sizes) == {(WIDTH, HEIGHT)}
    assert warnings.filters == before


def test_errors_travel_between_processes():
    error = pickle.loads(pickle.dumps(ImageReadError("a.png", "empty file")))
    assert (error.path, error.reason, str(error)) == ("a.png", "empty file", "a.png: empty file")


def test_bytes_given_are_not_read_again(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(slice_pixels()).save(buffer, "PNG")
    assert open_image(tmp_path / "gone.png", buffer.getvalue()).size == (WIDTH, HEIGHT)
    assert not list(tmp_path.iterdir())
