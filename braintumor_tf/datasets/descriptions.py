"""What identifies an image: MD5 of its bytes, hash of its grey pixels, perceptual hash, thumbnail."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import imagehash
import numpy as np
import PIL
from PIL import Image

from braintumor_tf.datasets.formats.pictures import decode
from braintumor_tf.errors import ImageDecodeError, ImageReadError

THUMBNAIL_SIZE = 64
"""Height and width in pixels of the grey thumbnails that confirm near-duplicates and feed the shortcut baselines."""

PICTURE_SIZE = 96
"""Height and width in pixels of the small grey pictures in which copies in other poses are found."""

VERSION = f"3 Pillow {PIL.__version__}"
"""Part of the cache's key: descriptions made by another decoder or another definition are not reused."""


class Description(NamedTuple):
    """What one file's content gives.

    Attributes:
        md5: of the file's bytes, 32 hex digits.
        width: in pixels, after the EXIF orientation is applied.
        height: in pixels.
        pixel_hash: BLAKE2b (128 bit) of the size and the decoded grey pixels, 32 hex digits; files with the same
            picture in another container share it.
        phash: 64-bit perceptual hash (`imagehash.phash` of the grey image), 16 hex digits.
        thumbnail: the grey picture averaged down to 64 x 64, 4096 bytes, row by row.
        picture: the same at 96 x 96, 9216 bytes.
        error: why the file could not be read, else empty; then all but `md5` are empty. `md5` is empty as well where
            that must not be kept: the decoder failed, for which a shortage of memory may be the reason.
        pages: pages or frames in the file, of which the first is described.
    """

    md5: str
    width: int = 0
    height: int = 0
    pixel_hash: str = ""
    phash: str = ""
    thumbnail: bytes = b""
    picture: bytes = b""
    error: str = ""
    pages: int = 1


def describe(path: str | Path, data: bytes) -> Description:
    """Describes an image file's content.

    Args:
        path: the file's name, for errors.
        data: its bytes.

    Returns:
        Its description; an unreadable image gives one with `error` set. What the content alone decides can be cached.
    """
    md5 = content_hash(data)
    try:
        decoded = decode(path, data)
        image = decoded.opaque().convert("L")
    except ImageDecodeError as error:
        return Description("", error=error.reason)
    except ImageReadError as error:
        return Description(md5, error=error.reason)
    return Description(
        md5=md5,
        width=image.width,
        height=image.height,
        pixel_hash=pixel_hash(np.asarray(image)),
        phash=str(imagehash.phash(image)),
        thumbnail=thumbnail(image).tobytes(),
        picture=thumbnail(image, size=PICTURE_SIZE).tobytes(),
        pages=decoded.pages,
    )


def content_hash(data: bytes) -> str:
    """Returns the MD5 of a file's bytes, 32 hex digits."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def pixel_hash(grey: np.ndarray) -> str:
    """Returns the BLAKE2b (128 bit) of the size and the pixels of a grey picture, 32 hex digits.

    Args:
        grey: uint8 of shape ``(height, width)``.
    """
    found = hashlib.blake2b(np.array(grey.shape, dtype="<u4"), digest_size=16)
    found.update(np.ascontiguousarray(grey))
    return found.hexdigest()


def thumbnail(image: Image.Image, *, size: int = THUMBNAIL_SIZE) -> np.ndarray:
    """Averages a grey image down (or interpolates it up) to a uint8 array of shape (size, size), 0..255."""
    return np.asarray(image.resize((size, size), Image.Resampling.BOX))
