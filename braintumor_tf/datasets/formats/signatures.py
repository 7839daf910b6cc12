"""What a file is by its first bytes, whatever it is called."""

from __future__ import annotations

from braintumor_tf.datasets.formats.jpeg_segments import unread_kind

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".pbm", ".pnm"}
)
"""File name endings (lower case) that are taken for images; the content decides in the end."""

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
"""Pillow's names of the formats that are read."""

_READABLE = "JPEG, PNG, BMP, TIFF, WebP, GIF, PPM"
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_OWN = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"BM", *_TIFF, b"RIFF", b"GIF8", b"P4", b"P5", b"P6")
_FOREIGN = (
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"\x89HDF", "an HDF5 or MATLAB 7.3 file", ".mat"),
    (0, b"MATLAB", "a MATLAB file", ".mat"),
    (128, b"DICM", "a DICOM file", ".dcm"),
    (344, b"n+1\0", "a NIfTI volume", ".nii"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyphei", "a HEIF image"),
    (4, b"jP  ", "a JPEG 2000 image"),
    (0, b"\0\0\1\0", "an ICO image"),
)


def is_tiff(data: bytes) -> bool:
    """Whether a file's content begins as a TIFF (or a BigTIFF) does."""
    return data.startswith(_TIFF)


def is_jpeg(data: bytes) -> bool:
    """Whether a file's content begins as a JPEG does."""
    return data.startswith(b"\xff\xd8\xff")


def what_it_is(data: bytes) -> str:
    """Returns why a file that no decoder takes is not read."""
    for start, signature, name, *ending in _FOREIGN:
        if data[start : start + len(signature)] == signature:
            if ending:
                return f"{name}, which is read where its name ends in {ending[0]}; rename it"
            return f"{name}, not an image of a format that is read ({_READABLE})"
    if is_jpeg(data) and (kind := unread_kind(data)):
        return f"{kind}, which is not read; save it as a PNG of 8 or 16 bits"
    if data.startswith(_OWN):
        return "damaged or truncated file (its header cannot be read)"
    return f"not an image of a known format ({_READABLE})"
