"""Frames of DICOM files, by pydicom, as a viewer shows them: rescaled, within the window, bright where it is bright.

Source: DICOM PS3.3, sections C.7.6.3 (pixels), C.7.6.16 (functional groups), C.11.1 and C.11.2 (grey levels).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from braintumor_tf.datasets.formats.decoder_warnings import naming_damage, quiet_decoders
from braintumor_tf.datasets.formats.depth import to_bytes
from braintumor_tf.datasets.formats.file_bytes import open_regular
from braintumor_tf.datasets.formats.jpeg_segments import frame_size
from braintumor_tf.datasets.formats.limits import check_size
from braintumor_tf.datasets.formats.medical.head_slices import slices_with_head, step_for
from braintumor_tf.datasets.formats.medical.orientation import PLANES
from braintumor_tf.errors import ImageDecodeError, ImageReadError

if TYPE_CHECKING:
    from pydicom import Dataset

SUFFIXES = (".dcm", ".dicom", ".ima")
"""Endings of the names of DICOM files. Many have none, and are known by how they begin."""

MAX_FRAMES = 10_000
"""A file with more frames than this is refused."""

MAX_DEFLATED = 400_000
"""A deflated file with more bytes is refused: it may unpack to a thousand times as many."""

_PREAMBLE, _MARK = 128, b"DICM"
_META_BYTES = 4096
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_JPEG_2000 = b"\xff\x4f\xff\x51"
_INDEX = "1.2.840.10008.1.3.10"
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_FAR = 1 << 40
_GROUPS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
_VALUES = (
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "WindowCenter", "WindowWidth", "VOILUTFunction"),
    *("ModalityLUTSequence", "VOILUTSequence"),
)


def begins_like_dicom(path: str | Path) -> bool:
    """Whether a regular file begins with DICOM's preamble, whatever its name is."""
    with contextlib.suppress(ImageReadError), open_regular(path) as file:
        return file.read(_PREAMBLE + len(_MARK))[_PREAMBLE:] == _MARK
    return False


def head_slices(path: str, plane: str) -> np.ndarray:
    """Tells which frames of a file show the head; a single frame is taken as it is.

    Returns:
        bool of shape ``(frames,)``.

    Raises:
        ImageReadError: it is no DICOM file, holds no picture, or another plane than that of its frames is asked for.
        ImageDecodeError: it is damaged.
    """
    with _opened(path, plane) as data:
        frames = _frames(path, data)
        if frames == 1:
            return np.ones(1, bool)
        return slices_with_head(np.stack([_sample(_decoded(path, data, number)) for number in range(1, frames + 1)]))


def files_with_head(paths: Sequence[str]) -> np.ndarray:
    """Tells which files of one series show the head, as `head_slices` does for the frames of a file.

    Args:
        paths: files of one frame each.

    Returns:
        bool of shape ``(files,)``; all are taken where their sizes differ.

    Raises:
        ImageReadError: one of them cannot be read.
    """
    samples = []
    for path in paths:
        with _opened(path, PLANES[0]) as data:
            _frames(path, data)
            samples.append(_sample(_decoded(path, data, 1)))
    if len({frame.shape for frame in samples}) > 1:
        return np.ones(len(paths), bool)
    return slices_with_head(np.stack(samples))


def read_slice(path: str, number: int, plane: str) -> np.ndarray:
    """Reads one frame as a viewer shows it.

    The modality's rescaling is applied, then the file's own window (the first one). Where it has none, the frame is
    scaled as every deep picture is (`depth.to_bytes`), without the pixels that the file calls padding; grey of 8 bits
    stays as it is. ``MONOCHROME1`` is turned, so that high values are bright.

    Args:
        path: the file.
        number: of the frame, from 1.
        plane: the first of `PLANES`: frames are not cut anew.

    Returns:
        uint8, of shape ``(height, width)``, or ``(height, width, 3)`` of colour.

    Raises:
        ImageReadError: as for `head_slices`, or there is no such frame, or it is too large.
        ImageDecodeError: it is damaged.
    """
    with _opened(path, plane) as data:
        from pydicom.pixels import apply_color_lut

        frames = _frames(path, data)
        if not 1 <= number <= frames:
            raise ImageReadError(path, f"has no frame {number}; there are 1 to {frames}")
        stored = _decoded(path, data, number)
        with naming_damage(path, quoting=False):
            if data.PhotometricInterpretation == "PALETTE COLOR":
                return _colour(apply_color_lut(stored, data), bits=16)
            if stored.ndim == 3:
                return _colour(stored, bits=int(data.BitsStored))
            return _shown(stored, _of_frame(data, number - 1))


def read_tags(path: str, names: tuple[str, ...]) -> dict[str, str]:
    """Reads a few tags of a file without its pixels; those that are not there are "".

    Raises:
        ImageReadError: it is no DICOM file.
        ImageDecodeError: it is damaged.
    """
    with open_regular(path) as file:
        data = _dataset(path, file, specific_tags=[*names, "SOPClassUID", "Rows"], stop_before_pixels=True)
        with naming_damage(path, quoting=False):
            return {name: str(data.get(name) or "").strip() for name in names}


@contextlib.contextmanager
def _opened(path: str, plane: str) -> Iterator[Dataset]:
    if plane != PLANES[0]:
        raise ImageReadError(path, f"frames of a DICOM file are read as they are, not cut anew ({plane})")
    with open_regular(path) as file:
        data = _dataset(path, file, defer_size=1024)
        with naming_damage(path, quoting=False):
            if str(data.file_meta.get("MediaStorageSOPClassUID", "")) == _INDEX:
                raise ImageReadError(path, "an index of other DICOM files (DICOMDIR), no picture")
            if not any(name in data for name in _PIXELS):
                raise ImageReadError(path, "a DICOM file without a picture")
        yield data


def _dataset(path: str, file: BinaryIO, **options: Any) -> Dataset:
    """Reads the elements of a file; one without the preamble is taken for DICOM if it has what a picture needs."""
    with naming_damage(path, quoting=False):
        import pydicom
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)  # its lines may quote what a file says of its patient
    with naming_damage(path, quoting=False):
        head = file.read(_PREAMBLE + len(_MARK))
        file.seek(0)
        whole = head[_PREAMBLE:] == _MARK
        _check_deflated(path, file)
        data = pydicom.dcmread(file, force=True, **options)
        if not whole and ("Rows" not in data or "SOPClassUID" not in data):
            raise ImageReadError(path, "not a DICOM file, or one without its header")
        if not whole and not getattr(data.file_meta, "TransferSyntaxUID", None):
            implicit, explicit = pydicom.uid.ImplicitVRLittleEndian, pydicom.uid.ExplicitVRLittleEndian
            data.file_meta.TransferSyntaxUID = implicit if data.original_encoding[0] else explicit
    return data


def _check_deflated(path: str, file: BinaryIO) -> None:
    """Refuses a deflated file that may be large: pydicom unpacks all of it before anything is known."""
    begin, size = file.read(_META_BYTES), file.seek(0, 2)
    file.seek(0)
    if _DEFLATED in begin and size > MAX_DEFLATED:
        raise ImageReadError(
            path, f"deflated DICOM of {size:,} bytes; at most {MAX_DEFLATED:,} are unpacked: convert it"
        )


def _check_frame(path: str, data: Dataset, number: int) -> None:
    """Refuses a compressed frame that says itself that it is of another size than the file says."""
    from pydicom.encaps import get_frame

    frame = get_frame(data.PixelData, number - 1, number_of_frames=int(data.get("NumberOfFrames") or 1))
    sides = None
    if frame[:4] == _JPEG_2000:
        sides = int.from_bytes(frame[12:16], "big"), int.from_bytes(frame[8:12], "big")
    elif frame[:2] == b"\xff\xd8":
        sides = frame_size(frame)
    if sides is not None and sides != (data.Rows, data.Columns):
        raise ImageDecodeError(path, "damaged file (a frame is of another size than the file says)")


def _frames(path: str, data: Dataset) -> int:
    """Returns how many frames there are; refuses too many, and frames that are too large."""
    with naming_damage(path, quoting=False):
        count, rows, columns = (int(data.get(name) or 0) for name in ("NumberOfFrames", "Rows", "Columns"))
        count = count or 1
    check_size(path, columns, rows)
    if not 1 <= count <= MAX_FRAMES:
        raise ImageReadError(path, f"{count:,} frames; at most {MAX_FRAMES:,} are read")
    return count


def _decoded(path: str, data: Dataset, number: int) -> np.ndarray:
    """Decodes the stored values of one frame; what is coded as YBR becomes RGB."""
    from pydicom.pixels import pixel_array

    with naming_damage(path, quoting=False):
        syntax = data.file_meta.get("TransferSyntaxUID")
        if syntax is not None and syntax.is_transfer_syntax and syntax.is_encapsulated:
            _check_frame(path, data, number)
    try:
        with quiet_decoders():
            return np.asarray(pixel_array(data, index=number - 1))
    except (MemoryError, ImageReadError):
        raise
    except Exception as error:
        if isinstance(error, (RuntimeError, NotImplementedError)) and "Unable to" in str(error) and syntax is not None:
            name = syntax.name if syntax.is_transfer_syntax else "no known coding"
            reason = f"cannot be decoded (stored as {name}): damaged, or of a kind that pylibjpeg does not read"
            raise ImageDecodeError(path, reason) from None  # a traceback would quote the file
        raise ImageDecodeError(path, f"damaged or truncated file ({type(error).__name__})") from None


def _of_frame(data: Dataset, place: int) -> Dataset:
    """Returns the values for grey levels of one frame, which an enhanced file keeps in its functional groups."""
    from pydicom import Dataset

    found = Dataset()
    for name in ("PhotometricInterpretation", "BitsStored", "BitsAllocated", "PixelRepresentation", "SamplesPerPixel",
                 "PixelPaddingValue", *_VALUES):  # fmt: skip
        if name in data:
            found[name] = data[name]
    for group in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        items = data.get(group) or []
        item = items[min(place, len(items) - 1)] if items else {}
        for name in _GROUPS:
            for inner in list(item.get(name) or [])[:1]:
                for element in inner:
                    if element.keyword in _VALUES:
                        found[element.keyword] = element
    return found


def _shown(stored: np.ndarray, data: Dataset) -> np.ndarray:
    """Turns stored grey values into those of 8 bits that are shown."""
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    values = np.asarray(apply_modality_lut(stored, data))
    table = data.get("VOILUTSequence")
    if table or all(data.get(name) not in (None, "") for name in ("WindowCenter", "WindowWidth")):
        if table:
            low, high = 0.0, float(2 ** int(table[0].LUTDescriptor[2]) - 1)
        else:
            low, high = map(float, apply_voi_lut(np.array([-_FAR, _FAR], np.float64), data))
        windowed = np.asarray(apply_voi_lut(values, data), np.float64)
        shown = np.rint(np.clip((windowed - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    elif values.dtype == np.uint8 and data.BitsStored == 8:
        shown = values
    else:
        padding = data.get("PixelPaddingValue")
        counted = None if padding is None else stored != padding
        shown = to_bytes(values, counted=counted if counted is not None and counted.any() else None)
    return 255 - shown if data.PhotometricInterpretation == "MONOCHROME1" else shown


def _colour(pixels: np.ndarray, *, bits: int) -> np.ndarray:
    """Turns colours of so many bits into those of 8: the whole range of what can be stored becomes 0..255."""
    if pixels.dtype == np.uint8:
        return pixels
    return np.rint(pixels.astype(np.float64) * (255 / (2**bits - 1))).astype(np.uint8)


def _sample(pixels: np.ndarray) -> np.ndarray:
    """Returns grey values of pixels that lie evenly; a copy, so that the frame itself can go."""
    down, across = (step_for(side) for side in pixels.shape[:2])
    few = pixels[::down, ::across]
    return few.mean(axis=2) if few.ndim == 3 else few.copy()
