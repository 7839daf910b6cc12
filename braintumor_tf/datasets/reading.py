"""Reading one image, whatever it is stored as."""

from __future__ import annotations

import io
import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from braintumor_tf.errors import ImageReadError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"})
"""File name endings (lower case) that are taken for images; the content decides in the end."""

MAX_PIXELS = 100_000_000
"""Images with more pixels than this are refused before they are decoded (a decompression bomb)."""

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF")
"""Pillow's names of the formats that are read."""

_DEEP_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N", "F"})


def read_image(path: str | Path, grey: bool = True, size: tuple[int, int] | None = None) -> np.ndarray:
    """Reads an image file as 8-bit pixels.

    JPEG, PNG (8 and 16 bit, palette, alpha), BMP, TIFF, WebP and GIF (first frame) are read by content, not by name.
    The EXIF orientation is applied, transparent pixels are laid over black, CMYK becomes RGB. Pixels deeper than 8 bits
    (16-bit PNG, float TIFF) are scaled linearly so that the image's own lowest value becomes 0 and its highest 255.

    Args:
        path: the file.
        grey: True for one channel (ITU-R 601 luma, Pillow's mode ``L``), False for RGB.
        size: ``(height, width)`` to resize to, bilinear with antialiasing; None keeps the stored size.

    Returns:
        A uint8 array in 0..255 of shape ``(height, width)`` if `grey`, else ``(height, width, 3)``.

    Raises:
        ImageReadError: the file is missing, empty, truncated, no image, of another format, without pixels, or larger than
            `MAX_PIXELS`; its text names the file and the reason.
    """
    return to_array(open_image(path), grey, size)


def open_image(path: str | Path, data: bytes | None = None) -> Image.Image:
    """Opens and fully decodes an image: 8-bit, oriented, opaque, mode ``L`` or ``RGB``.

    Args:
        path: the file, also named in errors.
        data: its bytes, where the caller has read them already.

    Raises:
        ImageReadError: as `read_image`.
    """
    try:
        data = Path(path).read_bytes() if data is None else data
    except OSError as error:
        raise ImageReadError(path, _os_reason(error)) from error
    if not data:
        raise ImageReadError(path, "empty file (0 bytes)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns where this function raises or repairs
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if not width or not height:
                    raise ImageReadError(path, f"no pixels ({width} x {height})")
                if width * height > MAX_PIXELS:
                    raise ImageReadError(path, f"too large ({width} x {height}; at most {MAX_PIXELS:,} pixels)")
                image.load()
                return _eight_bit(ImageOps.exif_transpose(image))
    except ImageReadError:
        raise
    except UnidentifiedImageError as error:
        raise ImageReadError(path, "not an image of a known format (JPEG, PNG, BMP, TIFF, WebP, GIF)") from error
    except Image.DecompressionBombError as error:
        raise ImageReadError(path, f"too large (at most {MAX_PIXELS:,} pixels)") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageReadError(path, f"damaged or truncated file ({reason})") from error


def to_array(image: Image.Image, grey: bool = True, size: tuple[int, int] | None = None) -> np.ndarray:
    """Turns an image opened by `open_image` into the array that `read_image` returns."""
    image = image.convert("L" if grey else "RGB")
    if size is not None and (image.height, image.width) != tuple(size):
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image).copy()


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP_MODES:
        return Image.fromarray(_scale(np.asarray(image, dtype=np.float64)))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, image).convert("RGB")
    return image.convert("L" if image.mode in ("L", "1") else "RGB")


def _scale(pixels: np.ndarray) -> np.ndarray:
    finite = np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = finite.min(), finite.max()
    scaled = (finite - low) * (255.0 / (high - low)) if high > low else np.zeros_like(finite)
    return np.rint(scaled).astype(np.uint8)


def _os_reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, IsADirectoryError):
        return "a folder, not a file"
    return error.strerror or type(error).__name__
