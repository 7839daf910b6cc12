"""From a file to a picture of 8 bits that stands upright: the one decoder of this package."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from braintumor_tf.datasets.formats.decoder_warnings import quiet_decoders
from braintumor_tf.datasets.formats.deep_colour import (
    deep_png_pixels,
    deep_tiff_pixels,
    is_deep_colour_png,
    is_for_opencv,
    refusal,
)
from braintumor_tf.datasets.formats.depth import to_bytes
from braintumor_tf.datasets.formats.fax_check import is_intact
from braintumor_tf.datasets.formats.limits import MAX_PIXELS, check_scans, check_size
from braintumor_tf.datasets.formats.medical.content import read_content
from braintumor_tf.datasets.formats.signatures import FORMATS, is_tiff, what_it_is
from braintumor_tf.datasets.formats.tiff_header import FAX, SIGNED, TiffHeader, count_pages, read_header
from braintumor_tf.errors import ImageDecodeError, ImageReadError, ImageResourceError

_DEEP_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N", "F"})
_ALPHA_MODES = ("RGBA", "LA", "PA", "La", "RGBa")
_DECODER_BYTES = 12
"""Bytes of memory a pixel that the greediest decoder takes: a progressive JPEG's, beside the picture itself."""


@dataclass(frozen=True)
class Decoded:
    """A picture that was read from a file.

    Attributes:
        image: of mode ``L``, ``RGB`` or, where some pixels may be transparent, ``RGBA``; upright.
        page: which of the file's pages or frames this is, from 1.
        pages: how many it has (`tiff_header.MAX_PAGES` at most).
    """

    image: Image.Image
    page: int = 1
    pages: int = 1

    def opaque(self) -> Image.Image:
        """Returns the picture in mode ``L`` or ``RGB``: transparent pixels are laid over black."""
        if self.image.mode != "RGBA":
            return self.image
        black = Image.new("RGBA", self.image.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, self.image).convert("RGB")


def decode(path: str | Path, data: bytes | None = None) -> Decoded:
    """Reads and decodes the first page of an image file, or a slice of a volume; `read_image` says how.

    Args:
        path: the file, also named in errors.
        data: its bytes, where the caller has read them already.

    Returns:
        The picture, and which of how many pages it is.

    Raises:
        ImageReadError: as `read_image`.
        ImageDecodeError: the decoder gave it up.
        ImageResourceError: memory or open files are short; the file may be sound.

    Example:
        >>> file = io.BytesIO()
        >>> pages = [Image.new("L", (4, 3), level) for level in (10, 20)]
        >>> pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
        >>> found = decode("two.tif", file.getvalue())
        >>> found.image.getpixel((0, 0)), found.page, found.pages
        (10, 1, 2)
    """
    if data is None:
        content = read_content(path)
        found = decode(path, content.data)
        return replace(found, page=content.page, pages=content.pages) if content.pages > 1 else found
    if not data:
        raise ImageReadError(path, "empty file (0 bytes)")
    size, header = (0, 0), None
    try:
        with quiet_decoders():
            header = read_header(data) if is_tiff(data) else None
            if header is not None and is_for_opencv(header):
                check_size(path, header.width, header.height)
                made = _of_pixels(deep_tiff_pixels(path, data, header), inverted=header.photometric == 0)
                return Decoded(made, pages=count_pages(data))
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                size = image.size
                check_size(path, *size)
                _check_stream(path, image, data, header)
                pages = _count_pages(image, data)
                image.load()
                _check_pixels(path, image, data, header)
                return Decoded(_eight_bits(path, image, data, header), pages=pages)
    except ImageReadError:
        raise
    except UnidentifiedImageError as error:
        raise ImageReadError(path, refusal(header) if header and header.deep else what_it_is(data)) from error
    except Image.DecompressionBombError as error:
        raise ImageReadError(path, f"too large (at most {MAX_PIXELS:,} pixels)") from error
    except Exception as error:  # a damaged file makes Pillow raise nearly any type, from struct.error to AttributeError
        if isinstance(error, MemoryError) or _is_short_of_memory(size):
            raise ImageResourceError(path, f"not enough memory to decode it ({size[0]} x {size[1]} pixels)") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageDecodeError(path, f"damaged or truncated file ({reason})") from error


def eight_bit(image: Image.Image) -> Image.Image:
    """Turns a Pillow image of any mode into one of mode ``L`` or ``RGB``, as files are read; not oriented."""
    return Decoded(_with_alpha(image)).opaque()


def _with_alpha(image: Image.Image) -> Image.Image:
    """Turns an image of any mode into one of 8 bits; transparency is kept."""
    if image.mode in _DEEP_MODES:
        return Image.fromarray(to_bytes(np.asarray(image)))
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        return image.convert("RGBA")
    mode = "L" if image.mode in ("L", "1") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _check_stream(path: str | Path, image: Image.Image, data: bytes, header: TiffHeader | None) -> None:
    """Refuses before decoding what would take too long, and a PNG whose checksums do not fit."""
    if image.format in ("JPEG", "MPO"):
        check_scans(path, [data], *image.size)
    elif header is not None:
        check_scans(path, header.jpeg_streams(data), *image.size)
    elif image.format == "PNG":  # decoding compares no checksums: flipped bits would become wrong pixels
        with Image.open(io.BytesIO(data), formats=("PNG",)) as other:
            other.verify()


def _check_pixels(path: str | Path, image: Image.Image, data: bytes, header: TiffHeader | None) -> None:
    """Refuses after decoding what a decoder did not complain of."""
    if header is not None and header.compression in FAX and not is_intact(image, header, data):
        raise ImageDecodeError(path, "damaged or truncated file (its fax codes do not give these pixels)")


def _eight_bits(path: str | Path, image: Image.Image, data: bytes, header: TiffHeader | None) -> Image.Image:
    """Returns a decoded image with 8 bits a sample, upright."""
    if is_deep_colour_png(data):
        made = _of_pixels(deep_png_pixels(path, data))
        made.getexif().update(image.getexif())
        return _upright(made)
    if header is not None and header.deep:
        pixels = np.asarray(image)
        if header.sample_format == SIGNED and image.mode == "L":  # which Pillow takes for unsigned
            pixels = pixels.view(np.int8)
        elif header.photometric == 0:  # the lowest value is white; of 8 bits Pillow sees to it
            pixels = -pixels.astype(np.float64)
        return Image.fromarray(to_bytes(pixels))
    return _with_alpha(_upright(image))


def _of_pixels(pixels: np.ndarray, *, inverted: bool = False) -> Image.Image:
    """Scales pixels that OpenCV decoded; an alpha channel is no brightness, and what is transparent does not count."""
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        alpha = pixels[..., 3]
        whole = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "iu" else 1.0
        opacity = np.rint(np.clip(alpha / whole, 0, 1) * 255).astype(np.uint8)
        return Image.fromarray(np.dstack([to_bytes(pixels[..., :3], counted=opacity > 0), opacity]))
    return Image.fromarray(to_bytes(-pixels.astype(np.float64) if inverted else pixels))


def _count_pages(image: Image.Image, data: bytes) -> int:
    """Returns how many pages or frames a file has; the image is left as it is."""
    if image.format == "TIFF":
        return count_pages(data)
    if image.format != "GIF":
        return max(getattr(image, "n_frames", 1), 1)
    try:
        with Image.open(io.BytesIO(data), formats=("GIF",)) as other:  # counting goes through the file
            return max(other.n_frames, 1)
    except MemoryError:
        raise
    except Exception:  # a frame behind the first is damaged, which the first need not be
        return 1


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return ImageOps.exif_transpose(image) if turned else image
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return image


def _is_short_of_memory(size: tuple[int, int]) -> bool:
    """Whether a decoder may have failed for want of memory, which most of them call damage."""
    try:
        np.empty(size[0] * size[1] * _DECODER_BYTES, np.uint8)  # not touched, so it costs no time
    except MemoryError:
        return True
    return False
