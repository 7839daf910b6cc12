"""The generator reads pictures as the rest of the package does, and as Keras does where Keras is right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.augment import ImageDataGenerator
from braintumor_tf.augment.keras_compat import KerasImageDataGenerator
from braintumor_tf.datasets import read_image
from braintumor_tf.datasets.formats import memory
from braintumor_tf.errors import DatasetError, ImageResourceError, PagesWarning
from braintumor_tf.experiments.predicting.asking import Picture
from tests.bad_images import encode
from tests.faults.pictures import COLOUR, DEEP, EIGHT, GREY, HALF, HEIGHT, WIDTH, several, write


def generated(folder: Path, kind: type = ImageDataGenerator, **options) -> dict[str, np.ndarray]:
    """What a generator gives for each file of a folder, at the pictures' own size."""
    flow = kind().flow_from_directory(
        str(folder), (HEIGHT, WIDTH), class_mode=None, shuffle=False, batch_size=1, **options
    )
    return {Path(name).name: np.array(flow[number][0]) for number, name in enumerate(flow.filenames)}


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> Path:
    files = {name: content for name, (content, _) in (DEEP | EIGHT).items()}
    return write(tmp_path_factory.mktemp("pictures"), files)


@pytest.mark.parametrize("mode", ["rgb", "grayscale"])
def test_the_generator_reads_what_read_image_reads(everything, mode):
    found = generated(everything, color_mode=mode)
    assert set(found) == set(DEEP | EIGHT)
    for name, pixels in found.items():
        expected = read_image(everything / "all" / name, grey=mode == "grayscale")
        np.testing.assert_array_equal(pixels, expected.reshape(HEIGHT, WIDTH, -1), err_msg=name)


@pytest.mark.parametrize("mode", ["rgb", "grayscale", "rgba"])
def test_the_generator_reads_eight_bits_as_keras_does(tmp_path, mode):
    root = write(tmp_path, {name: content for name, (content, _) in EIGHT.items()})
    ours, theirs = (generated(root, kind, color_mode=mode) for kind in (ImageDataGenerator, KerasImageDataGenerator))
    for name, pixels in theirs.items():
        np.testing.assert_array_equal(ours[name], pixels, err_msg=name)


def test_where_the_generator_leaves_keras(tmp_path):
    """Transparent colours and the orientation are as `read_image` has them; the mode rgba keeps the alpha."""
    exif = Image.Exif()
    exif[0x0112] = 3
    see_through = Image.fromarray(np.dstack([COLOUR, (HALF // 257).astype(np.uint8)]))
    files = {"turned.png": encode(Image.fromarray(COLOUR), "PNG", exif=exif), "clear.png": encode(see_through, "PNG")}
    root = write(tmp_path, files)
    ours, theirs = generated(root), generated(root, KerasImageDataGenerator)
    np.testing.assert_array_equal(ours["turned.png"], COLOUR[::-1, ::-1])
    assert not ours["clear.png"][:, WIDTH // 2 :].any() and theirs["clear.png"][:, WIDTH // 2 :].any()
    assert all(np.array_equal(ours[name], read_image(root / "all" / name, grey=False)) for name in files)
    whole = generated(root, color_mode="rgba")["clear.png"]
    np.testing.assert_array_equal(whole, np.asarray(see_through))


def test_the_generator_and_predictions_say_which_page_they_read(tmp_path):
    root = write(tmp_path, {"several.tiff": several("TIFF"), "one.png": EIGHT["grey.png"][0]})
    with pytest.warns(PagesWarning, match=r"1 file holds several .*several\.tiff \(3\)") as caught:
        generated(root)
    (said,) = (one for one in caught if one.category is PagesWarning)
    assert said.filename == __file__
    with pytest.warns(PagesWarning, match=r"1 file holds several .*several\.tiff \(3\)"):
        picture = Picture.read(str(root / "all" / "several.tiff"))
    np.testing.assert_array_equal(np.asarray(picture.image), GREY)


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_the_generator_leaves_no_file_out_for_want_of_memory(tmp_path, monkeypatch, on_error):
    def short(*_):
        raise MemoryError

    root = write(tmp_path, {"a.png": EIGHT["grey.png"][0]})
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", short)
    with pytest.raises(ImageResourceError, match=r"a\.png: not enough memory to decode it \(64 x 48 pixels\)"):
        ImageDataGenerator(on_error=on_error).flow_from_directory(str(root), (HEIGHT, WIDTH))


def test_a_target_size_that_cannot_fit_is_refused_with_the_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "memory_limit", lambda: 10**9)
    root = write(tmp_path, {"a.png": EIGHT["grey.png"][0]})
    with pytest.raises(DatasetError, match=r"target_size=\(2000, 2000\) in batches of 32 needs at least 1\.5 GB"):
        ImageDataGenerator().flow_from_directory(str(root), (2000, 2000))
