"""What a path stands for as the bytes of a picture file: the file itself, or one slice written as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from braintumor_tf.datasets.formats.depth import to_bytes
from braintumor_tf.datasets.formats.file_bytes import read_bytes
from braintumor_tf.datasets.formats.medical.head_slices import middle_slice
from braintumor_tf.datasets.formats.medical.orientation import PLANES
from braintumor_tf.datasets.formats.medical.slice_path import SlicePath
from braintumor_tf.datasets.formats.medical.table import file_of, is_volume_name, medical_format


@dataclass(frozen=True)
class Content:
    """The bytes of a picture file.

    Attributes:
        data: of the file; of a slice those of a PGM (of colour, a PPM) of 8 bits, scaled as `depth.to_bytes` scales.
        page: which slice was chosen where a volume was asked for, from 1.
        pages: how many it has; 1 where nothing was chosen.
    """

    data: bytes
    page: int = 1
    pages: int = 1


def read_content(path: str | Path) -> Content:
    """Reads what a path stands for: a picture file, one slice of a volume (`SlicePath`), or a volume's middle slice.

    Raises:
        ImageReadError: it cannot be read.
    """
    kind = medical_format(path)
    if kind is None:
        return Content(read_bytes(path))
    file = file_of(path)
    asked = SlicePath.of(str(path)) if file != str(path) else None
    if is_volume_name(path):
        shown = kind.head_slices(file, PLANES[0])
        number = middle_slice(shown)
        return Content(_picture(kind.read_slice(file, number, PLANES[0])), page=number, pages=len(shown))
    number, plane = (asked.number, asked.plane) if asked else (1, PLANES[0])
    return Content(_picture(kind.read_slice(file, number, plane)))


def _picture(pixels: np.ndarray) -> bytes:
    """Writes grey pixels as a PGM and colours as a PPM; those of 8 bits keep their values."""
    scaled = pixels if pixels.dtype == np.uint8 else to_bytes(pixels)
    kind = b"P5" if scaled.ndim == 2 else b"P6"
    return kind + b" %d %d 255\n" % (scaled.shape[1], scaled.shape[0]) + np.ascontiguousarray(scaled).tobytes()
