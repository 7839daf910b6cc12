"""Reading one image, whatever it is stored as."""

from __future__ import annotations

import contextlib
import io
import stat
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from braintumor_tf.datasets.head_crop import head_box
from braintumor_tf.errors import CropError, ImageReadError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"})
"""File name endings (lower case) that are taken for images; the content decides in the end."""

MAX_PIXELS = 100_000_000
"""Images with more pixels than this are refused before they are decoded (a decompression bomb)."""

MAX_BYTES = 2_000_000_000
"""Files with more bytes than this are refused before they are read; no image of `MAX_PIXELS` needs as many."""

CROPS = ("head",)
"""What a picture can be cut down to when it is read."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601), as Pillow's mode ``L`` has them."""

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")
"""Pillow's names of the formats that are read."""

_DEEP_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N", "F"})
_READABLE = "JPEG, PNG, BMP, TIFF, WebP, GIF"
_OWN_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"BM", b"II*\0", b"MM\0*", b"RIFF", b"GIF8")
_FOREIGN_SIGNATURES = (
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"\x89HDF", "an HDF5 or MATLAB 7.3 file"),
    (0, b"MATLAB", "a MATLAB file"),
    (128, b"DICM", "a DICOM file"),
    (344, b"n+1\0", "a NIfTI volume"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyphei", "a HEIF image"),
    (4, b"jP  ", "a JPEG 2000 image"),
    (0, b"\0\0\1\0", "an ICO image"),
)

_quiet_lock = threading.Lock()
_quiet_readers: list[contextlib.AbstractContextManager] = []


def check_crop(crop: str | None) -> str | None:
    """Returns a crop that is known, or None for none.

    Raises:
        CropError: there is no such crop.
    """
    if crop is not None and crop not in CROPS:
        raise CropError(f"crop {crop!r} is not known; give {' or '.join(map(repr, CROPS))}, or None for none")
    return crop


def read_image(
    path: str | Path, *, grey: bool = True, size: tuple[int, int] | None = None, crop: str | None = None
) -> np.ndarray:
    """Reads an image file as 8-bit pixels.

    JPEG, PNG (8 and 16 bit, palette, alpha), BMP, TIFF, WebP and GIF (first frame) are read by content, not by name.
    The EXIF orientation is applied, transparent pixels are laid over black, CMYK becomes RGB. Pixels deeper than 8 bits
    (16-bit grey PNG, float TIFF) are scaled linearly: the image's own lowest value becomes 0 and its highest 255. A
    flat image, and a value that is no number, becomes 0. Of 16-bit colour the upper 8 bits are kept.
    A damaged EXIF block is ignored, and so is the lack of an end marker after the last pixel (except in PNG).

    Args:
        path: the file.
        grey: True for one channel (ITU-R 601 luma, Pillow's mode ``L``), False for RGB.
        size: ``(height, width)`` to resize to, bilinear with antialiasing; None keeps the stored size.
        crop: ``"head"`` cuts the picture down to the head first (`braintumor_tf.datasets.head_box`); None does not.

    Returns:
        A uint8 array in 0..255 of shape ``(height, width)`` if `grey`, else ``(height, width, 3)``.

    Raises:
        ImageReadError: the file is missing, no regular file (a folder, a pipe), empty, truncated, damaged, no image, of
            another format, without pixels, or larger than `MAX_PIXELS`; its text names the file and the reason.
        CropError: there is no such crop.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("RGB", (64, 48), (255, 0, 0)).save(f"{folder}/red.png")
        ...     pixels = read_image(f"{folder}/red.png", size=(12, 16))
        >>> pixels.shape, int(pixels.max())
        ((12, 16), 76)
    """
    return to_array(open_image(path), grey=grey, size=size, crop=crop)


def open_image(path: str | Path, data: bytes | None = None) -> Image.Image:
    """Opens and fully decodes an image: 8-bit, oriented, opaque, mode ``L`` or ``RGB``.

    Args:
        path: the file, also named in errors.
        data: its bytes, where the caller has read them already.

    Raises:
        ImageReadError: as `read_image`.
    """
    data = read_bytes(path) if data is None else data
    if not data:
        raise ImageReadError(path, "empty file (0 bytes)")
    try:
        with _quiet_pillow(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if not width or not height:
                raise ImageReadError(path, f"no pixels ({width} x {height})")
            if width * height > MAX_PIXELS:
                raise ImageReadError(path, f"too large ({width} x {height}; at most {MAX_PIXELS:,} pixels)")
            if image.format == "PNG":
                _check_png(data)
            image.load()
            return eight_bit(_upright(image))
    except ImageReadError:
        raise
    except UnidentifiedImageError as error:
        raise ImageReadError(path, _what_it_is(data)) from error
    except Image.DecompressionBombError as error:
        raise ImageReadError(path, f"too large (at most {MAX_PIXELS:,} pixels)") from error
    except MemoryError as error:
        raise ImageReadError(path, "not enough memory to decode it") from error
    except Exception as error:  # a damaged file makes Pillow raise nearly any type, from struct.error to AttributeError
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageReadError(path, f"damaged or truncated file ({reason})") from error


def eight_bit(image: Image.Image) -> Image.Image:
    """Turns a decoded image of any mode into one of mode ``L`` or ``RGB``, as `read_image` documents; not oriented."""
    if image.mode in _DEEP_MODES:
        return Image.fromarray(_scale(np.asarray(image, dtype=np.float64)))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, image).convert("RGB")
    mode = "L" if image.mode in ("L", "1") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def to_array(
    image: Image.Image, *, grey: bool = True, size: tuple[int, int] | None = None, crop: str | None = None
) -> np.ndarray:
    """Turns an image of mode ``L`` or ``RGB``, as `open_image` opens it, into the array that `read_image` returns."""
    image = crop_picture(image, crop).convert("L" if grey else "RGB")
    if size is not None and (image.height, image.width) != tuple(size):
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image).copy()


def crop_picture(image: Image.Image, crop: str | None) -> Image.Image:
    """Returns a Pillow image cut down to `crop_box`; None leaves it as it is."""
    return image if crop is None else image.crop(crop_box(image, crop))


def crop_box(image: Image.Image, crop: str | None) -> tuple[int, int, int, int]:
    """Returns what a crop leaves of a Pillow image: left, upper, right, lower, as its ``crop`` takes it; None is all.

    The head is looked for in grey (Pillow's luma), so that the box does not depend on the channels that a model takes.

    Raises:
        CropError: there is no such crop.
    """
    if check_crop(crop) is None:
        return 0, 0, image.width, image.height
    return head_box(np.asarray(eight_bit(image).convert("L")))


def read_bytes(path: str | Path) -> bytes:
    """Reads a regular file; a pipe or a device would block or never end, so it is refused before it is opened.

    Raises:
        ImageReadError: the path is missing, no regular file, larger than `MAX_BYTES`, or may not be read.
    """
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageReadError(path, "a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise ImageReadError(path, "not a regular file (a pipe, a socket or a device)")
        if status.st_size > MAX_BYTES:
            raise ImageReadError(path, f"too large ({status.st_size:,} bytes; at most {MAX_BYTES:,})")
        return Path(path).read_bytes()
    except OSError as error:
        raise ImageReadError(path, _os_reason(path, error)) from error
    except ValueError as error:  # a NUL character in the name
        raise ImageReadError(path, f"not a file name ({error})") from error


@contextlib.contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Silences Pillow's warnings, which come where this module raises or repairs.

    `warnings.catch_warnings` alone is not safe when several threads read: one may restore the filters that another set.
    So the first reader in sets the filter and the last one out takes it away.
    """
    with _quiet_lock:
        if not _quiet_readers:
            filters = warnings.catch_warnings()
            filters.__enter__()
            warnings.filterwarnings("ignore", module=r"PIL\.")
            _quiet_readers.append(filters)
        _quiet_readers.append(contextlib.nullcontext())
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_readers.pop()
            if len(_quiet_readers) == 1:
                _quiet_readers.pop().__exit__(None, None, None)


def _check_png(data: bytes) -> None:
    """Compares every chunk with its checksum, which decoding does not: flipped bits would become wrong pixels."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.verify()


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return ImageOps.exif_transpose(image) if turned else image
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return image


def _scale(pixels: np.ndarray) -> np.ndarray:
    finite = np.isfinite(pixels)
    low, high = (pixels[finite].min(), pixels[finite].max()) if finite.any() else (0.0, 0.0)
    if high <= low:
        return np.zeros(pixels.shape, np.uint8)
    return np.rint(np.where(finite, pixels - low, 0.0) * (255.0 / (high - low))).astype(np.uint8)


def _what_it_is(data: bytes) -> str:
    for start, signature, name in _FOREIGN_SIGNATURES:
        if data[start : start + len(signature)] == signature:
            return f"{name}, not an image of a format that is read ({_READABLE})"
    if data.startswith(_OWN_SIGNATURES):
        return "damaged or truncated file (its header cannot be read)"
    return f"not an image of a known format ({_READABLE})"


def _os_reason(path: str | Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "a link to a file that is not there" if Path(path).is_symlink() else "no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return error.strerror or type(error).__name__
