"""What is refused before it is decoded, because it would take too much memory or time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from braintumor_tf.datasets.formats.jpeg_segments import SCAN, count_scans
from braintumor_tf.errors import ImageReadError

MAX_PIXELS = 100_000_000
"""Images with more pixels than this are refused before they are decoded (a decompression bomb)."""

MAX_SCANS = 500
"""A JPEG whose pixels are sent in more scans than this is refused; encoders use about ten."""

MAX_SCANNED_PIXELS = 10_000_000_000
"""Pixels times scans of a JPEG are at most this: each scan goes over the whole picture, even if it says nothing."""

_MARKER = bytes([0xFF, SCAN])


def check_size(path: str | Path, width: int, height: int) -> None:
    """Refuses a picture without pixels, and one of more than `MAX_PIXELS`.

    Raises:
        ImageReadError: it is one of these.
    """
    if width < 1 or height < 1:
        raise ImageReadError(path, f"no pixels ({width} x {height})")
    if width * height > MAX_PIXELS:
        raise ImageReadError(path, f"too large ({width} x {height}; at most {MAX_PIXELS:,} pixels)")


def check_scans(path: str | Path, streams: Iterable[bytes], width: int, height: int) -> None:
    """Refuses a picture whose JPEG data would be gone over too often.

    Args:
        path: the file, named in the error.
        streams: the JPEG data: one for a JPEG file, one a strip or tile in a TIFF.
        width: of the picture, in pixels.
        height: of the picture.

    Raises:
        ImageReadError: a stream has more scans than `MAX_SCANS`, or than `MAX_SCANNED_PIXELS` allow at this size.
    """
    most = min(MAX_SCANS, MAX_SCANNED_PIXELS // (width * height))
    for data in streams:
        # Within coded data the two bytes always begin a scan. Only other segments, such as a thumbnail, may hold more.
        if data.count(_MARKER) > most and (scans := count_scans(data)) > most:
            raise ImageReadError(path, f"too many scans ({scans:,}; at most {most:,} at {width} x {height})")
