"""Files of pictures as other programs write them, made byte by byte or by another library."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.bad_images import encode, slice_pixels

_LETTERS = {3: "H", 4: "I"}


def tiff(
    pixels: np.ndarray, *, photometric: int = 1, order: str = "<", planar: int = 1, tags: dict[int, int] | None = None
):
    """Returns an uncompressed TIFF of one strip: any dtype, grey or with channels last (in planes where `planar` is 2).

    Args:
        pixels: of shape ``(height, width)`` or ``(height, width, channels)``.
        photometric: the tag: 0 where the lowest value is white, 1 where it is black, 2 for RGB, 5 for CMYK.
        order: of bytes, ``"<"`` or ``">"``.
        planar: the tag.
        tags: more tags, of type SHORT.
    """
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    stored = np.moveaxis(pixels, -1, 0) if planar == 2 else pixels
    data = stored.astype(pixels.dtype.newbyteorder(order)).tobytes()
    bits, kind = pixels.dtype.itemsize * 8, {"u": 1, "i": 2, "f": 3, "c": 6}[pixels.dtype.kind]
    strips = samples if planar == 2 else 1
    entries = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * samples), 259: (3, [1]), 262: (3, [photometric]),
        273: (4, [0] * strips), 277: (3, [samples]), 278: (4, [height]), 279: (4, [len(data) // strips] * strips),
        284: (3, [planar]), 339: (3, [kind] * samples), **{tag: (3, [value]) for tag, value in (tags or {}).items()},
    }  # fmt: skip
    beyond = 8 + 2 + 12 * len(entries) + 4  # where values lie that do not fit into four bytes
    start = beyond + sum(size for _, values in entries.values() if (size := 2 * len(values) * (1 + (_ == 4))) > 4)
    entries[273] = (4, [start + number * (len(data) // strips) for number in range(strips)])
    table, values = b"", b""
    for tag, (type_number, numbers) in sorted(entries.items()):
        body = struct.pack(f"{order}{len(numbers)}{_LETTERS[type_number]}", *numbers)
        if len(body) > 4:
            body, values = struct.pack(f"{order}I", beyond + len(values)), values + body
        table += struct.pack(f"{order}HHI", tag, type_number, len(numbers)) + body.ljust(4, b"\0")
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}IH", 8, len(entries)) + table + bytes(4) + values + data


def deep_png(pixels: np.ndarray) -> bytes:
    """Returns a PNG of 16 bits a sample from uint16 with 1 to 4 channels last (grey, grey and alpha, RGB, RGBA)."""
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def jpeg_of_many_scans(scans: int, side: int) -> bytes:
    """Returns a progressive JPEG whose shortest scan comes so many times more; each goes over the whole picture."""
    data = encode(Image.fromarray(slice_pixels(side, side)), "JPEG", progressive=True)
    starts = [place for place in range(len(data)) if data[place : place + 2] == b"\xff\xda"]
    ends = [*starts[1:], len(data) - 2]
    pieces = []
    for start, end in zip(starts, ends):
        following = data.find(b"\xff\xc4", start, end)  # a table of codes before the next scan
        pieces.append(data[start : end if following < 0 else following])
    return data[:-2] + min(pieces, key=len) * scans + data[-2:]


def faxed(*, coding: str = "group4", height: int = 48, width: int = 64, **tags: int) -> bytes:
    """Returns a black and white TIFF in a coding of fax machines."""
    names = {"photometric": 262, "fill_order": 266, "rows": 278, "options": 292}
    picture = Image.fromarray(slice_pixels(height, width)).convert("1")
    info = {names[name]: value for name, value in tags.items()}
    file = io.BytesIO()
    picture.save(file, "TIFF", compression=coding, tiffinfo=info, strip_size=tags.get("rows", height) * -(-width // 8))
    return file.getvalue()


HEIGHT, WIDTH = 48, 64
SLOPE = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
GREY = slice_pixels()
COLOUR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)
TWELVE = np.rint(SLOPE * 4095).astype(np.uint16)
TWELVE_COLOUR = np.stack([TWELVE, TWELVE // 2, TWELVE // 4], axis=-1)
HALF = np.where(np.arange(WIDTH) < WIDTH // 2, 65535, 0)[None].repeat(HEIGHT, 0).astype(np.uint16)


def percentiles(values: np.ndarray) -> np.ndarray:
    """The documented scaling, by NumPy's own percentiles."""
    low, high = (float(np.percentile(values, q, method=side)) for q, side in ((0.5, "higher"), (99.5, "lower")))
    return np.clip((values.astype(float) - low) * 255 / (high - low), 0, 255)


def half(colours: np.ndarray) -> np.ndarray:
    """What of 16-bit colours or greys stays where the right half is transparent."""
    left = percentiles(colours[:, : WIDTH // 2])
    return np.concatenate([left, np.zeros_like(left)], axis=1)


DEEP = {
    "u16.tiff": (tiff(TWELVE), percentiles(TWELVE)),
    "u16_big_endian.tiff": (tiff(TWELVE, order=">"), percentiles(TWELVE)),
    "u16_white_is_zero.tiff": (tiff(TWELVE, photometric=0), 255 - percentiles(TWELVE)),
    "i16.tiff": (tiff(TWELVE.astype(np.int16) - 2000), percentiles(TWELVE)),
    "i8.tiff": (tiff((SLOPE * 200 - 100).astype(np.int8)), percentiles((SLOPE * 200 - 100).astype(np.int8))),
    "u32.tiff": (tiff((SLOPE * 4e9).astype(np.uint32)), percentiles(SLOPE)),
    "u32_big_endian.tiff": (tiff((SLOPE * 4e9).astype(np.uint32), order=">"), percentiles(SLOPE)),
    "i32.tiff": (tiff((SLOPE * 4e9 - 2e9).astype(np.int32)), percentiles(SLOPE)),
    "u64.tiff": (tiff((SLOPE * 1e12).astype(np.uint64)), percentiles(SLOPE)),
    "f32_to_1.tiff": (tiff(SLOPE.astype(np.float32)), percentiles(SLOPE)),
    "f32_white_is_zero.tiff": (tiff(SLOPE.astype(np.float32), photometric=0), 255 - percentiles(SLOPE)),
    "f64.tiff": (tiff(SLOPE), percentiles(SLOPE)),
    "f64_big_endian.tiff": (tiff(SLOPE * 1e300, order=">"), percentiles(SLOPE)),
    "rgb16.tiff": (tiff(TWELVE_COLOUR, photometric=2), percentiles(TWELVE_COLOUR)),
    "rgb_f32.tiff": (tiff(TWELVE_COLOUR.astype(np.float32), photometric=2), percentiles(TWELVE_COLOUR)),
    "rgba16.tiff": (tiff(np.dstack([TWELVE_COLOUR, HALF]), photometric=2, tags={338: 2}), half(TWELVE_COLOUR)),
    "grey16.png": (deep_png(TWELVE[..., None]), percentiles(TWELVE)),
    "rgb16.png": (deep_png(TWELVE_COLOUR), percentiles(TWELVE_COLOUR)),
    "grey_alpha16.png": (deep_png(np.dstack([TWELVE, HALF])), half(TWELVE)),
    "rgba16.png": (deep_png(np.dstack([TWELVE_COLOUR, HALF])), half(TWELVE_COLOUR)),
    "grey16.ppm": (b"P5 64 48 65535\n" + TWELVE.astype(">u2").tobytes(), percentiles(TWELVE)),
}
"""Deep pictures, each with the values that reading must give, within rounding."""

EIGHT = {
    "grey.png": (encode(Image.fromarray(GREY), "PNG"), GREY),
    "colour.png": (encode(Image.fromarray(COLOUR), "PNG"), COLOUR),
    "opaque.png": (encode(Image.fromarray(np.dstack([COLOUR, np.full_like(GREY, 255)])), "PNG"), COLOUR),
    "palette.png": (encode(Image.fromarray(GREY, "P"), "PNG"), None),
    "one_bit.png": (encode(Image.fromarray(GREY > 100), "PNG"), np.where(GREY > 100, 255, 0)),
    "grey.bmp": (encode(Image.fromarray(GREY), "BMP"), GREY),
    "colour.ppm": (encode(Image.fromarray(COLOUR), "PPM"), COLOUR),
    "white_is_zero.tiff": (tiff(255 - GREY, photometric=0), GREY),
    "big_endian.tiff": (tiff(COLOUR, photometric=2, order=">"), COLOUR),
    "grey.jpg": (encode(Image.fromarray(GREY), "JPEG"), None),
    "colour.jpg": (encode(Image.fromarray(COLOUR), "JPEG", progressive=True), None),
    "cmyk.jpg": (encode(Image.fromarray(COLOUR).convert("CMYK"), "JPEG"), None),
}
"""Upright, opaque pictures of 8 bits or fewer, each with its stored values; None where Pillow's own are to be had."""


def as_colour(values: np.ndarray) -> np.ndarray:
    return np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        place = folder / "all" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def several(kind: str) -> bytes:
    """Returns a file of three pages or frames in one of Pillow's formats, the first the brightest."""
    first, *others = (Image.fromarray(GREY // number) for number in (1, 2, 3))
    return encode(first, kind, save_all=True, append_images=others)
