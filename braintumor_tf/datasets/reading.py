"""Reading one image, whatever it is stored as."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from braintumor_tf.datasets.formats.pictures import decode, eight_bit
from braintumor_tf.datasets.head_crop import head_box
from braintumor_tf.errors import CropError, PagesWarning

CROPS = ("head",)
"""What a picture can be cut down to when it is read."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601), as Pillow's mode ``L`` has them."""


_NAMED = 5


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

    JPEG, PNG, BMP, TIFF, WebP, GIF and PPM, of any depth, with palette or alpha, are read by content, not by name.
    `ImageDataGenerator` and every command read files in the same way:

    - Pixels of 8 bits or fewer keep their values, as Pillow decodes them.
    - Deeper pixels (16-bit PNG, integer or float TIFF), grey or in colour, are scaled linearly, each picture by itself.
      Its 0.5th percentile becomes 0, its 99.5th 255, and what lies beyond is cut off (`formats.to_bytes`).
    - Where a TIFF says that its lowest value is white, the picture is inverted.
    - The EXIF orientation is applied, transparent pixels are laid over black, CMYK becomes RGB.
    - Of several pages or frames the first is read, and a `PagesWarning` says so.
    - Of a volume (NIfTI, MGH) the slice that the path names is read, as ``brain.nii.gz#81``, else the middle axial one,
      and a `PagesWarning` says so. How slices lie stands in ``docs/volumes.md``.

    A damaged EXIF block is ignored, and so is the lack of an end marker after the last pixel (except in PNG).

    Args:
        path: the file, or a slice of a volume.
        grey: True for one channel (ITU-R 601 luma, Pillow's mode ``L``), False for RGB.
        size: ``(height, width)`` to resize to, bilinear with antialiasing; None keeps the stored size.
        crop: ``"head"`` cuts the picture down to the head first (`braintumor_tf.datasets.head_box`); None does not.

    Returns:
        A uint8 array in 0..255 of shape ``(height, width)`` if `grey`, else ``(height, width, 3)``.

    Raises:
        ImageReadError: the file is missing, no regular file (a folder, a pipe), empty, truncated, damaged, no image, of
            another format, without pixels, of more than 100 million pixels, or a JPEG of hundreds of scans; its text
            names the file and the reason.
        ImageResourceError: there was too little memory; the file may be sound.
        CropError: there is no such crop.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("RGB", (64, 48), (255, 0, 0)).save(f"{folder}/red.png")
        ...     pixels = read_image(f"{folder}/red.png", size=(12, 16))
        >>> pixels.shape, int(pixels.max())
        ((12, 16), 76)
    """
    decoded = decode(path)
    if decoded.pages > 1:
        message = f"{path}: page or frame {decoded.page} of {decoded.pages} is read"
        warnings.warn(message, PagesWarning, stacklevel=2)
    return to_array(decoded.opaque(), grey=grey, size=size, crop=crop)


def first_pages(pages: Mapping[str, int]) -> str:
    """Returns a sentence on files that hold several pages or frames, "" for none.

    Args:
        pages: how many each of them holds, by path.

    Example:
        >>> first_pages({"a.tif": 5})
        '1 file holds several pages or frames, of which the first is read: a.tif (5)'
    """
    if not pages:
        return ""
    named = ", ".join(f"{path} ({count})" for path, count in sorted(pages.items())[:_NAMED])
    more = f" and {len(pages) - _NAMED} more" if len(pages) > _NAMED else ""
    files = "1 file holds" if len(pages) == 1 else f"{len(pages)} files hold"
    return f"{files} several pages or frames, of which the first is read: {named}{more}"


def warn_of_pages(pages: Mapping[str, int], *, stacklevel: int = 1) -> None:
    """Warns of files that hold several pages or frames, if there are any, by a `PagesWarning`.

    Args:
        pages: how many each of them holds, by path.
        stacklevel: whose line is named: 1 for the caller's, 2 for that of its caller, and so on.
    """
    if pages:
        warnings.warn(first_pages(pages), PagesWarning, stacklevel=stacklevel + 1)


def open_image(path: str | Path, data: bytes | None = None) -> Image.Image:
    """Opens and fully decodes an image: 8-bit, oriented, opaque, mode ``L`` or ``RGB``; its first page, unsaid.

    Args:
        path: the file, also named in errors.
        data: its bytes, where the caller has read them already.

    Raises:
        ImageReadError: as `read_image`.
    """
    return decode(path, data).opaque()


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
