"""Deep pictures that Pillow cuts down to 8 bits or does not know, as OpenCV reads them.

They are colour of 16 bits, and TIFFs of 64-bit or of unsigned 32-bit samples.
"""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np

from braintumor_tf.datasets.formats.tiff_header import FLOAT, SIGNED, UNSIGNED, TiffHeader
from braintumor_tf.errors import ImageDecodeError, ImageReadError, ImageResourceError

_COLOUR_TYPES = {2: 3, 4: 2, 6: 4}
"""PNG's types of pictures that are more than one grey channel, but for palettes, with their samples a pixel."""

_lock = threading.Lock()


def is_deep_colour_png(data: bytes) -> bool:
    """Whether a file is a PNG of 16 bits a sample with colour or transparency."""
    return data[:4] == b"\x89PNG" and data[12:16] == b"IHDR" and data[24] == 16 and data[25] in _COLOUR_TYPES


def is_for_opencv(header: TiffHeader) -> bool:
    """Whether a TIFF is one of those that OpenCV reads here."""
    unsigned32 = header.bits == 32 and header.sample_format == UNSIGNED
    return header.deep and (header.samples > 1 or header.bits > 32 or unsigned32)


def deep_png_pixels(path: str | Path, data: bytes) -> np.ndarray:
    """Returns the pixels of a PNG of 16-bit colour: uint16 of shape ``(height, width, 3)``, with alpha 4 channels.

    Raises:
        ImageDecodeError: it is damaged.
    """
    return _pixels(path, data)


def deep_tiff_pixels(path: str | Path, data: bytes, header: TiffHeader) -> np.ndarray:
    """Returns the pixels of a TIFF as they are stored; its orientation is applied.

    Args:
        path: the file, named in errors.
        data: its bytes.
        header: what it says of its pixels.

    Returns:
        An array of shape ``(height, width)``, or with 3 or, with alpha, 4 channels.

    Raises:
        ImageReadError: its samples are of a kind that is not read.
        ImageDecodeError: it is damaged.
    """
    planes = header.planar == 2 and header.samples > 1
    known = header.sample_format in (UNSIGNED, SIGNED, FLOAT) and header.photometric in (0, 1, 2)
    if planes or header.samples not in (1, 3, 4) or not known:
        raise ImageReadError(path, refusal(header))
    pixels = _pixels(path, data)
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    if samples != header.samples or pixels.itemsize * 8 < header.bits:
        raise ImageReadError(path, refusal(header))
    if sorted(pixels.shape[:2]) != sorted((header.height, header.width)):
        raise ImageDecodeError(path, "damaged or truncated file (its size is not that of its header)")
    return pixels


def refusal(header: TiffHeader) -> str:
    """Returns why a TIFF is not read, and what to do."""
    return f"{header.kind()}, which is not read; save it as a PNG of 8 or 16 bits, or as a TIFF of 32-bit float"


def _pixels(path: str | Path, data: bytes) -> np.ndarray:
    """Decodes with OpenCV, which prints its errors; colours come as red, green, blue."""
    with _lock:  # the level of what is printed is that of the whole process
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as error:
            kind = ImageResourceError if error.code == cv2.Error.StsNoMem else ImageDecodeError
            raise kind(path, f"damaged or truncated file ({' '.join(str(error.err).split())})") from error
        finally:
            cv2.utils.logging.setLogLevel(level)
    if pixels is None:
        raise ImageDecodeError(path, "damaged or truncated file (its pixels cannot be decoded)")
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    return pixels
