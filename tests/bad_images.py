"""Some sixty kinds of broken and odd image files, each with what must become of it."""

from __future__ import annotations

import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 48, 64


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: the file's name, or where two kinds need the same name a folder and the name.
        make: writes it at the path that it is given.
        reason: a part of the reason that `ImageReadError` must give, "" if the file is readable.
        shape: ``(height, width)`` of a readable file.
        listed: False for a kind that a folder scan passes over (a folder holds files, it is none).
    """

    name: str
    make: Callable[[Path], object]
    reason: str = ""
    shape: tuple[int, int] = (HEIGHT, WIDTH)
    listed: bool = True


def slice_pixels(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Returns a smooth grey picture with an upper and a left side, uint8 in 0..255, different in every corner."""
    rows, columns = np.mgrid[:height, :width]
    return (rows * 120.0 / height + columns * 100.0 / width + 20 * np.sin(columns / 5)).clip(0, 255).astype(np.uint8)


def encode(image: Image.Image, kind: str, **options) -> bytes:
    """Returns an image's file content."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def valid_files() -> dict[str, bytes]:
    """Returns one sound file of each format, by file ending."""
    grey = Image.fromarray(slice_pixels())
    colour = Image.merge("RGB", [grey, grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT), grey])
    return {
        "jpg": encode(colour, "JPEG"),
        "png": encode(colour, "PNG"),
        "gif": encode(colour.convert("P"), "GIF"),
        "webp": encode(colour, "WEBP"),
        "bmp": encode(colour, "BMP"),
        "tiff": encode(colour, "TIFF"),
        "lzw.tiff": encode(colour, "TIFF", compression="tiff_lzw"),
        "16bit.png": encode(Image.fromarray(slice_pixels().astype(np.uint16) * 16), "PNG"),
    }


def png_header(width: int, height: int) -> bytes:
    """Returns a PNG file that declares a size and holds hardly any pixels."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
            (b"IDAT", zlib.compress(b"\0" * 64)),
            (b"IEND", b""),
        )
    )


def _bytes(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _saved(image: Image.Image, kind: str, **options) -> Callable[[Path], object]:
    return _bytes(encode(image, kind, **options))


def _flip(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("image.png", b"nothing")
    return buffer.getvalue()


def _unreadable(path: Path) -> None:
    path.write_bytes(valid_files()["jpg"])
    path.chmod(0)


def _oriented(image: Image.Image, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(image, "JPEG", exif=exif)


def broken_kinds() -> list[Kind]:
    """Returns the kinds that must raise `ImageReadError`."""
    files = valid_files()
    jpeg, png = files["jpg"], files["png"]
    cuts = [
        Kind(
            f"cut_{percent:02d}_percent.{ending}",
            _bytes(content[: len(content) * percent // 100]),
            "damaged or truncated",
        )
        for ending, content in files.items()
        for percent in (40, 80)
    ]
    return [
        *cuts,
        Kind("empty.jpg", _bytes(b""), "empty file"),
        Kind("one_byte.png", _bytes(b"\x89"), "not an image of a known format"),
        Kind("only_a_header.jpg", _bytes(jpeg[:3]), "damaged or truncated"),
        Kind("only_a_header.png", _bytes(png[:8]), "damaged or truncated"),
        Kind("half_a_header.gif", _bytes(files["gif"][:9]), "damaged or truncated"),
        Kind("half_a_header.bmp", _bytes(files["bmp"][:20]), "damaged or truncated"),
        Kind("text.jpg", _bytes(b"this is a note, not a picture\n" * 20), "not an image of a known format"),
        Kind("page.png", _bytes(b"<!DOCTYPE html><html><body>404 Not Found</body></html>"), "not an image of a known"),
        Kind("git_lfs_pointer.jpg", _bytes(b"version https://git-lfs.github.com/spec/v1\n"), "not an image of a known"),
        Kind("zip.png", _bytes(_zip()), "a zip archive"),
        Kind("report.jpg", _bytes(b"%PDF-1.7\n1 0 obj\n"), "a PDF document"),
        Kind("volume.jpg", _bytes(b"\0" * 344 + b"n+1\0" + b"\0" * 64), "a NIfTI volume"),
        Kind("dicom.jpg", _bytes(b"\0" * 128 + b"DICM" + b"\0" * 64), "a DICOM file"),
        Kind("matlab.mat.png", _bytes(b"\x89HDF\r\n\x1a\n" + b"\0" * 64), "an HDF5 or MATLAB 7.3 file"),
        Kind("matlab5.mat.png", _bytes(b"MATLAB 5.0 MAT-file" + b" " * 110), "a MATLAB file"),
        Kind("random.jpg", _bytes(np.random.default_rng(0).bytes(4000)), "not an image of a known format"),
        Kind("zeros.png", _bytes(bytes(4000)), "not an image of a known format"),
        Kind("no_width.png", _bytes(png_header(0, 10)), "damaged or truncated"),
        Kind("no_height.png", _bytes(png_header(10, 0)), "damaged or truncated"),
        Kind("bomb.png", _bytes(png_header(60_000, 60_000)), "too large"),
        Kind("small_bomb.png", _bytes(png_header(11_000, 10_000)), "too large"),
        Kind("declared_but_missing_pixels.png", _bytes(png_header(500, 500)), "damaged or truncated"),
        Kind("bad_header_checksum.png", _bytes(_flip(png, 30)), "damaged or truncated"),
        Kind("bad_pixels.png", _bytes(_flip(png, len(png) // 2)), "damaged or truncated"),
        Kind("bad_last_checksum.png", _bytes(_flip(png, len(png) - 14)), "damaged or truncated"),
        Kind("end_marker_missing.png", _bytes(png[:-12]), "damaged or truncated"),
        Kind("icon.png", _saved(Image.new("L", (16, 16)), "ICO"), "an ICO image"),
        Kind("photo.jpg", _bytes(b"\0\0\0\x20ftypavif" + b"\0" * 40), "an AVIF image"),
        Kind("phone.jpg", _bytes(b"\0\0\0\x18ftypheic" + b"\0" * 40), "a HEIF image"),
        Kind("a_pcx.png", _saved(Image.new("L", (16, 16)), "PCX"), "not an image of a known format"),
        Kind(
            "link_to_nothing.jpg",
            lambda path: path.symlink_to(path.parent / "gone.jpg"),
            "a link to a file that is not",
        ),
        Kind("link_to_itself.jpg", lambda path: path.symlink_to(path), "symbolic link"),
        Kind("pipe.jpg", os.mkfifo, "not a regular file"),
        Kind("link_to_device.jpg", lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        Kind("folder.jpg", lambda path: path.mkdir(), "a folder", listed=False),
        *([Kind("forbidden.jpg", _unreadable, "no permission")] if os.geteuid() else []),
    ]


def readable_kinds() -> list[Kind]:
    """Returns the odd kinds that must be read."""
    files = valid_files()
    pixels = slice_pixels()
    grey = Image.fromarray(pixels)
    colour = Image.merge("RGB", [grey, grey, grey])
    alpha = Image.fromarray(np.where(np.arange(WIDTH) < WIDTH // 2, 255, 0).astype(np.uint8)[None].repeat(HEIGHT, 0))
    palette = colour.quantize(16)
    other = grey.transpose(Image.Transpose.ROTATE_180)
    exif = Image.Exif()
    exif[0x010E] = "a description"
    turned = [
        Kind(f"orientation_{n}.jpg", _bytes(_oriented(grey, n)), shape=(HEIGHT, WIDTH) if n < 5 else (WIDTH, HEIGHT))
        for n in range(1, 9)
    ]
    return [
        *turned,
        *(Kind(f"plain.{ending}", _bytes(content)) for ending, content in files.items()),
        Kind("a_png.jpg", _bytes(files["png"])),
        Kind("a_jpeg.png", _bytes(files["jpg"])),
        Kind("no_ending", _bytes(files["jpg"])),
        Kind("UPPER.JPG", _bytes(files["jpg"])),
        Kind("Gehirn ✓ мозг 脑.jpg", _bytes(files["jpg"])),
        Kind("spaces and 'quotes' \"here\", comma; (1) %20 #.jpg", _bytes(files["jpg"])),
        Kind("new\nline.jpg", _bytes(files["jpg"])),
        Kind("-dash.jpg", _bytes(files["jpg"])),
        Kind("x" * 240 + ".jpg", _bytes(files["jpg"])),
        Kind("end_marker_missing.gif", _bytes(files["gif"][:-1])),
        Kind("trailing_garbage.png", _bytes(files["png"] + b"garbage" * 50)),
        Kind("trailing_garbage.jpg", _bytes(files["jpg"] + b"garbage" * 50)),
        Kind("grey16_narrow.png", _saved(Image.fromarray(pixels.astype(np.uint16) + 1000), "PNG")),
        Kind("flat16.png", _saved(Image.fromarray(np.full((HEIGHT, WIDTH), 700, np.uint16)), "PNG")),
        Kind("grey.ppm", _saved(grey, "PPM")),
        Kind("palette.png", _saved(palette, "PNG")),
        Kind("palette_transparent.png", _saved(palette, "PNG", transparency=3)),
        Kind("palette_transparent_bytes.png", _saved(palette, "PNG", transparency=bytes(range(0, 160, 10)))),
        Kind("colour_with_transparent_colour.png", _saved(colour, "PNG", transparency=(0, 0, 0))),
        Kind("grey_with_transparent_value.png", _saved(grey, "PNG", transparency=0)),
        Kind("rgba.png", _saved(Image.merge("RGBA", [grey, grey, grey, alpha]), "PNG")),
        Kind("grey_alpha.png", _saved(Image.merge("LA", [grey, alpha]), "PNG")),
        Kind("fully_transparent.png", _saved(Image.new("RGBA", (WIDTH, HEIGHT), (255, 255, 255, 0)), "PNG")),
        Kind("cmyk.jpg", _saved(colour.convert("CMYK"), "JPEG")),
        Kind("one_bit.png", _saved(grey.convert("1"), "PNG")),
        Kind("one_bit.tiff", _saved(grey.convert("1"), "TIFF", compression="group4")),
        Kind("float.tiff", _saved(Image.fromarray(pixels.astype(np.float32) / 7 - 3), "TIFF")),
        Kind("float_with_nan.tiff", _saved(Image.fromarray(_with_nan(pixels)), "TIFF")),
        Kind("only_nan.tiff", _saved(Image.fromarray(np.full((HEIGHT, WIDTH), np.nan, np.float32)), "TIFF")),
        Kind("int32.tiff", _saved(Image.fromarray(pixels.astype(np.int32) * -1000), "TIFF")),
        Kind("int16_big_endian.tiff", _saved(Image.fromarray(pixels.astype(">u2")), "TIFF")),
        Kind("pages.tiff", _saved(grey, "TIFF", save_all=True, append_images=[other])),
        Kind("jpeg_inside.tiff", _saved(colour, "TIFF", compression="jpeg")),
        Kind("animated.gif", _saved(grey, "GIF", save_all=True, append_images=[other])),
        Kind("animated.webp", _saved(colour, "WEBP", save_all=True, append_images=[other.convert("RGB")])),
        Kind("animated.png", _saved(grey, "PNG", save_all=True, append_images=[other])),
        Kind("transparent.gif", _saved(palette, "GIF", transparency=2)),
        Kind("exif_garbage.jpg", _saved(grey, "JPEG", exif=b"Exif\0\0" + b"\xff" * 40)),
        Kind("exif_wild_offset.jpg", _saved(grey, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")),
        Kind("exif_orientation_99.jpg", _bytes(_oriented(grey, 99))),
        Kind("exif.png", _saved(grey, "PNG", exif=exif)),
        Kind("progressive.jpg", _saved(colour, "JPEG", progressive=True)),
        Kind("grey.jpg", _saved(grey, "JPEG")),
        Kind("one_pixel.png", _saved(Image.new("L", (1, 1), 9), "PNG"), shape=(1, 1)),
        Kind("very_wide.png", _saved(Image.new("L", (20_000, 1), 9), "PNG"), shape=(1, 20_000)),
        Kind("very_high.png", _saved(Image.new("1", (1, 20_000)), "PNG"), shape=(20_000, 1)),
        Kind("large.png", _saved(Image.new("1", (10_000, 2_000), 1), "PNG"), shape=(2_000, 10_000)),
    ]


def _with_nan(pixels: np.ndarray) -> np.ndarray:
    values = pixels.astype(np.float32) + 500
    values[:4], values[4:6] = np.nan, np.inf
    return values


def write_kinds(folder: Path, kinds: list[Kind]) -> dict[Path, Kind]:
    """Writes files of all kinds into a folder and returns which is which."""
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / kind.name: kind for kind in kinds}
    for path, kind in written.items():
        kind.make(path)
    return written
