"""Pictures of every depth and kind: one reader for scans and for the generator, bounded in time and memory."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from braintumor_tf.datasets import head_crop, read_image, scan
from braintumor_tf.datasets.formats import PERCENTILES, decode, memory, to_bytes
from braintumor_tf.datasets.formats.jpeg_segments import count_scans
from braintumor_tf.datasets.formats.tiff_header import count_pages
from braintumor_tf.errors import ImageReadError, ModelError, PagesWarning
from braintumor_tf.models import get_spec, resolve_config
from braintumor_tf.models.input_memory import check_memory
from braintumor_tf.types import ModelConfig
from tests.bad_images import encode, slice_pixels
from tests.faults.pictures import (
    DEEP,
    EIGHT,
    GREY,
    HALF,
    HEIGHT,
    SLOPE,
    TWELVE,
    TWELVE_COLOUR,
    WIDTH,
    as_colour,
    deep_png,
    faxed,
    jpeg_of_many_scans,
    several,
    tiff,
    write,
)

NOT_READ = {
    "float16.tiff": (tiff(SLOPE.astype(np.float16)), "1 x 16-bit float samples"),
    "complex.tiff": (tiff(SLOPE.astype(np.complex64)), "1 x 64-bit complex samples"),
    "grey_alpha16.tiff": (tiff(np.dstack([TWELVE, HALF]), tags={338: 2}), "2 x 16-bit unsigned samples"),
    "cmyk16.tiff": (tiff(np.dstack([TWELVE_COLOUR, HALF]), photometric=5), "4 x 16-bit unsigned samples"),
    "planes16.tiff": (tiff(TWELVE_COLOUR, photometric=2, planar=2), "3 x 16-bit unsigned samples a pixel in planes"),
    "twelve_bit.jpg": (
        encode(Image.fromarray(GREY), "JPEG").replace(b"\xff\xc0\x00\x0b\x08", b"\xff\xc0\x00\x0b\x0c"),
        "a JPEG of 12 bits a sample",
    ),
}


@pytest.fixture(scope="module")
def everything(tmp_path_factory) -> Path:
    files = {name: content for name, (content, _) in (DEEP | EIGHT).items()}
    return write(tmp_path_factory.mktemp("pictures"), files)


# === One reader, one scaling ===


@pytest.mark.parametrize("name", DEEP)
def test_deep_pictures_are_scaled_as_documented(everything, name):
    expected = as_colour(DEEP[name][1])
    got = read_image(everything / "all" / name, grey=False)
    assert got.shape == expected.shape and np.abs(got - expected).max() <= 0.51
    assert got.max() == 255 and got.min() == 0


@pytest.mark.parametrize("name", EIGHT)
def test_eight_bits_keep_their_values(everything, name):
    content, expected = EIGHT[name]
    if expected is None:
        expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    colours = as_colour(np.asarray(expected, np.uint8))
    np.testing.assert_array_equal(read_image(everything / "all" / name, grey=False), colours)
    luma = (colours.astype(np.int64) @ [19595, 38470, 7471] + 0x8000) >> 16  # BT.601 in 16 bits, as Pillow has it
    np.testing.assert_array_equal(read_image(everything / "all" / name), luma)


def test_a_turned_deep_picture_stands_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    plain = deep_png(TWELVE_COLOUR)
    chunk = encode(Image.new("L", (1, 1)), "PNG", exif=block)
    place = chunk.index(b"eXIf") - 4
    eight = chunk[place : place + 12 + len(block)]
    upright = np.rot90(read_image(write(tmp_path, {"a.png": plain}) / "all" / "a.png", grey=False), -1)
    for name, content in {
        "b.png": plain[:33] + eight + plain[33:],
        "c.tiff": tiff(TWELVE_COLOUR, photometric=2, tags={274: 6}),
    }.items():
        np.testing.assert_array_equal(read_image(write(tmp_path, {name: content}) / "all" / name, grey=False), upright)


@pytest.mark.parametrize("name", NOT_READ)
def test_what_is_not_read_is_named_with_what_to_do(name):
    with pytest.raises(ImageReadError, match="which is not read; save it as a PNG") as caught:
        decode(name, NOT_READ[name][0])
    assert NOT_READ[name][1] in caught.value.reason


@pytest.mark.parametrize("name", DEEP)
def test_a_deep_picture_that_is_cut_is_refused(name):
    content = DEEP[name][0]
    for share in (0.3, 0.6, 0.99):
        with pytest.raises(ImageReadError):
            decode(name, content[: int(len(content) * share)])


# === The scaling ===


def test_the_percentiles_are_pinned():
    assert PERCENTILES == (0.5, 99.5)
    values = np.arange(2001, dtype=np.int32)
    np.testing.assert_array_equal(to_bytes(values)[[0, 10, 1000, 1990, 2000]], [0, 0, 128, 255, 255])


@pytest.mark.parametrize("hot", [65_535, 10**6, -(10**6), np.inf, np.nan])
def test_a_hot_pixel_does_not_darken_the_picture(hot):
    pixels = np.rint(SLOPE * 1000).astype(np.float32)
    before = to_bytes(pixels).astype(int)
    pixels[HEIGHT // 2, WIDTH // 2] = hot
    after = to_bytes(pixels).astype(int)
    after[HEIGHT // 2, WIDTH // 2] = before[HEIGHT // 2, WIDTH // 2]
    assert np.abs(after - before).max() <= 1


def test_a_sparse_picture_is_scaled_from_lowest_to_highest_and_a_flat_one_is_black():
    sparse = np.zeros((100, 100), np.uint16)
    sparse[50, 50:60] = 700
    assert set(np.unique(to_bytes(sparse))) == {0, 255}
    assert not to_bytes(np.full((5, 5), 9.5)).any() and not to_bytes(np.full((5, 5), np.nan)).any()
    ends = np.array([np.finfo(float).min, 0, np.finfo(float).max])
    assert to_bytes(ends).tolist() == [0, 128, 255]


# === Which page is read ===


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP"])
def test_the_first_page_is_read_and_said(tmp_path, kind):
    (tmp_path / "glioma").mkdir()
    path = tmp_path / "glioma" / f"several.{kind.lower()}"
    path.write_bytes(several(kind))
    found = decode(path)
    assert (found.page, found.pages) == (1, 3)
    with pytest.warns(PagesWarning, match=r"several.* page or frame 1 of 3 is read"):
        assert np.abs(read_image(path) - GREY.astype(int)).mean() < 3
    for _ in range(2):  # from the file, and from the cache
        (note,) = (one for one in scan(tmp_path, show_progress=False).notes if "several pages" in one)
        assert note == f"1 file holds several pages or frames, of which the first is read: {path} (3)"


def test_pages_that_point_in_a_circle_are_counted_once():
    content = bytearray(several("TIFF"))
    second = int.from_bytes(content[4:8], "little")
    place = second + 2 + 12 * int.from_bytes(content[second : second + 2], "little")
    content[place : place + 4] = content[4:8]
    assert count_pages(bytes(content)) == 1


# === Damage that a decoder accepts ===


@pytest.mark.parametrize("options", [
    {}, {"photometric": 0}, {"fill_order": 2}, {"rows": 16}, {"coding": "group3"}, {"coding": "group3", "options": 5},
    {"coding": "tiff_ccitt"},
], ids=str)  # fmt: skip
def test_a_damaged_fax_is_refused_and_a_sound_one_is_read(options, capfd):
    content = faxed(**options)
    expected = np.asarray(Image.fromarray(GREY).convert("1"))
    np.testing.assert_array_equal(np.asarray(decode("fax", content).image) > 0, expected)
    generator, wrong = np.random.default_rng(0), 0
    first, size = 8, content.index(b"\0\0\0\0", 8) if not options else len(faxed(**options)) // 2
    for _ in range(60):
        damaged = bytearray(content)
        damaged[first + int(generator.integers(size - first))] ^= int(generator.integers(1, 256))
        try:
            pixels = np.asarray(decode("fax", bytes(damaged)).image) > 0
        except ImageReadError:
            continue
        wrong += not np.array_equal(pixels, expected)
    assert wrong <= 3  # codes of another picture, which no decoder can tell from it
    capfd.readouterr()  # libtiff prints its errors


# === Time ===


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded(monkeypatch):
    many, few = jpeg_of_many_scans(20_000, 256), jpeg_of_many_scans(10, 256)
    assert count_scans(many) > 20_000 and count_scans(few) == count_scans(many) - 19_990
    assert decode("few.jpg", few).image.size == (256, 256)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)  # decoding would fail
    with pytest.raises(ImageReadError, match=r"too many scans \(20,0\d\d; at most 500 at 256 x 256\)"):
        decode("many.jpg", many)
    second = many.index(b"\xff\xda", many.index(b"\xff\xda") + 2)  # decoders pass over bytes between scans
    with pytest.raises(ImageReadError, match="too many scans"):
        decode("garbage.jpg", many[:second] + b"garbage" + many[second:])


def test_the_larger_a_jpeg_the_fewer_scans_it_may_have():
    content = jpeg_of_many_scans(100, 64)
    place = content.index(b"\xff\xc2") + 5
    large = content[:place] + (9_900).to_bytes(2, "big") * 2 + content[place + 4 :]
    with pytest.raises(ImageReadError, match=r"too many scans \(10\d; at most 102 at 9900 x 9900\)"):
        decode("large.jpg", large)


@pytest.mark.parametrize("shape", [(3000, 3000), (20_000, 20), (20, 20_000), (3, 60_000)])
def test_the_head_of_a_large_picture_is_found_on_a_small_one(shape, monkeypatch):
    looked_at = []
    find = head_crop._find
    monkeypatch.setattr(head_crop, "_find", lambda image: looked_at.append(image.shape[:2]) or find(image))
    image = np.zeros(shape, np.uint8)
    image[tuple(slice(side // 4, side - side // 4) for side in shape)] = 150
    box = head_crop.head_box(image)
    assert len(looked_at) == 1 and max(looked_at[0]) <= 1024
    assert head_crop.head_mask(image).shape == shape
    if shape == (3000, 3000):
        assert box == tuple(3 * side for side in head_crop.head_box(image[::3, ::3]))


def test_the_head_of_a_picture_of_usual_size_is_looked_for_as_it_is(monkeypatch):
    seen = []
    monkeypatch.setattr(head_crop, "_find", lambda image: seen.append(image) or np.ones(image.shape[:2], bool))
    for shape in ((512, 512), (2048, 30), (1446, 1920, 3)):
        image = np.zeros(shape, np.uint8)
        head_crop.head_mask(image)
        assert seen.pop() is image


# === Memory ===

SHORTAGE = """
import resource, sys
from braintumor_tf.datasets import scan
root, extra = sys.argv[1], int(sys.argv[2])
scan(root + "/warm", show_progress=False, workers=1)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + extra, resource.RLIM_INFINITY))
short = scan(root + "/set", show_progress=False, workers=1)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
later = scan(root + "/set", show_progress=False, workers=1)
print(short.unreadable["reason"].tolist(), len(later.manifest), later.unreadable["reason"].tolist())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the address space")
@pytest.mark.parametrize("extra", [20, 60, 100])
def test_a_shortage_of_memory_in_a_scan_is_not_remembered(tmp_path, monkeypatch, extra):
    """Some decoders say that the file is damaged where memory is short; how far they get depends on what is left."""
    large = encode(Image.fromarray(slice_pixels(6000, 6000)).convert("RGB"), "JPEG", progressive=True)
    for name in ("warm", "set"):
        (tmp_path / name / "glioma").mkdir(parents=True)
        (tmp_path / name / "glioma" / "small.jpg").write_bytes(EIGHT["grey.jpg"][0])
    (tmp_path / "set" / "glioma" / "large.jpg").write_bytes(large)
    monkeypatch.setenv("BRAINTUMOR_TF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    command = [sys.executable, "-c", SHORTAGE, str(tmp_path), str(extra << 20)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert answer == "['not enough memory to decode it (6000 x 6000 pixels)'] 2 []"


def test_a_damaged_file_is_decoded_again_by_the_next_scan(tmp_path, monkeypatch):
    """For the decoder's word may come from a shortage; what the content alone decides is kept."""
    monkeypatch.setenv("BRAINTUMOR_TF_CACHE", str(tmp_path / "cache"))
    (tmp_path / "set" / "glioma").mkdir(parents=True)
    for name, content in {
        "a.png": EIGHT["grey.png"][0],
        "cut.jpg": EIGHT["grey.jpg"][0][:500],
        "b.jpg": b"note",
    }.items():
        (tmp_path / "set" / "glioma" / name).write_bytes(content)
    decoded = []
    for _ in range(2):
        monkeypatch.setattr(
            "braintumor_tf.datasets.descriptions.decode",
            lambda path, data: decoded.append(Path(path).name) or decode(path, data),
        )
        assert len(scan(tmp_path / "set", show_progress=False).unreadable) == 2
    assert sorted(decoded) == ["a.png", "b.jpg", "cut.jpg", "cut.jpg"]


def test_a_size_that_cannot_fit_is_refused_with_the_figure(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match=r"image size \(1000000, 1000000\) .* at least 120,000\.0 GB .*there are "):
        resolve_config(ModelConfig(model="EfficientNetB0", image_size=1_000_000))
    monkeypatch.setattr(memory, "memory_limit", lambda: 4 * 10 * 100 * 100 * (1 + 1 + 6))
    check_memory(get_spec("CNN"), (100, 100), batch_size=10)
    with pytest.raises(ModelError, match="in batches of 11 needs at least 0.0 GB"):
        check_memory(get_spec("CNN"), (100, 100), batch_size=11)


def test_the_limit_of_memory_is_that_of_the_process():
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (3 << 30, -1));"
        "from braintumor_tf.datasets.formats.memory import memory_limit; print(memory_limit())"
    )
    assert memory.memory_limit() > 0
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 3 << 30


@pytest.mark.parametrize("command", ["train", "search"])
def test_the_command_line_refuses_such_a_size_before_it_imports_tensorflow(tmp_path, command):
    code = (
        "import sys\nfrom braintumor_tf.cli.main import main\n"
        f"try: main([{command!r}, '--model', 'CNN', '--dataset', {str(tmp_path)!r}, '--image-size', '1000000'])\n"
        "except SystemExit as end: print(end.code, 'tensorflow' in sys.modules, 'keras' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.split() == ["1", "False", "False"]
    assert "GB of memory; there are" in done.stderr and done.stderr.count("\n") == 1


def test_reading_leaves_no_warning_behind(everything):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in DEEP | EIGHT:
            read_image(everything / "all" / name)
