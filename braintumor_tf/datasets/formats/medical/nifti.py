"""Slices of NIfTI and MGH volumes (``.nii``, ``.nii.gz``, ``.hdr`` with ``.img``, ``.mgh``, ``.mgz``), by nibabel."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from braintumor_tf.datasets.formats.decoder_warnings import naming_damage
from braintumor_tf.datasets.formats.file_bytes import open_regular
from braintumor_tf.datasets.formats.limits import check_size
from braintumor_tf.datasets.formats.medical.head_slices import slices_with_head, step_for
from braintumor_tf.datasets.formats.medical.inflated import first_bytes, inflate, is_gzip, kept
from braintumor_tf.datasets.formats.medical.orientation import Orientation
from braintumor_tf.errors import ImageDecodeError, ImageReadError

if TYPE_CHECKING:
    from nibabel.arrayproxy import ArrayProxy

SUFFIXES = (".nii", ".nii.gz", ".hdr", ".hdr.gz", ".img", ".img.gz", ".mgh", ".mgz")
"""Endings of the names of volumes. The voxels of a ``.hdr`` lie in the ``.img`` beside it; either names the pair."""

MAX_HEADER = 16_000_000
"""Voxels must begin within so many bytes."""

_HEAD = 544
_SIGNATURES = (
    (344, b"n+1\0", "Nifti1Header", False),
    (344, b"ni1\0", "Nifti1PairHeader", True),
    (4, b"n+2\0\r\n\x1a\n", "Nifti2Header", False),
    (4, b"ni2\0\r\n\x1a\n", "Nifti2PairHeader", True),
)
_MGH_BYTES = 284
_MGH_TYPES = (0, 1, 3, 4, 10)
_PAIRS = {".hdr": ".img", ".img": ".hdr"}


@dataclass(frozen=True)
class Volume:
    """A volume whose voxels are read when they are asked for.

    Attributes:
        path: its file, named in errors.
        voxels: of three axes; slope and intercept are applied.
        orientation: how they lie.
    """

    path: str
    voxels: ArrayProxy
    orientation: Orientation

    def count(self, plane: str) -> int:
        """Returns how many slices there are in a plane."""
        return self.voxels.shape[self.orientation.across(plane)]

    def read(self, number: int, plane: str) -> np.ndarray:
        """Reads one slice, shown as `orientation` documents.

        Args:
            number: of the slice, from 1.
            plane: one of `orientation.PLANES`.

        Returns:
            Voxels of the stored dtype, or floats where there is a slope; shape ``(height, width)``.

        Raises:
            ImageReadError: there is no such slice, or it is too large.
            ImageDecodeError: its voxels cannot be read.
        """
        count, across = self.count(plane), self.orientation.across(plane)
        if not 1 <= number <= count:
            raise ImageReadError(self.path, f"has no {plane} slice {number}; there are 1 to {count}")
        check_size(self.path, *(side for axis, side in enumerate(self.voxels.shape) if axis != across))
        cut = [slice(None)] * 3
        cut[across] = self.orientation.place(number, count, plane)
        return np.ascontiguousarray(self.orientation.shown(self._read(tuple(cut)), plane))

    def shows_head(self, plane: str) -> np.ndarray:
        """Tells which slices of a plane show the head (`head_slices.slices_with_head`), in the order of their numbers.

        Returns:
            bool of shape ``(slices,)``.
        """
        across = self.orientation.across(plane)
        steps = [1 if axis == across else step_for(side) for axis, side in enumerate(self.voxels.shape)]
        first, second = (slice(None, None, step) for step in steps[:2])
        layers = [self._read((first, second, place)) for place in range(0, self.voxels.shape[2], steps[2])]
        shown = slices_with_head(np.moveaxis(np.stack(layers, axis=2), across, 0))
        return shown if self.orientation.place(1, 2, plane) == 0 else shown[::-1]

    def _read(self, cut: tuple[slice | int, ...]) -> np.ndarray:
        with naming_damage(self.path), np.errstate(all="ignore"):
            found = np.asarray(self.voxels[cut])
        return found.astype(np.float64) if found.dtype.itemsize > 8 else found  # 80-bit floats


def head_slices(path: str, plane: str) -> np.ndarray:
    """Tells which slices of a volume show the head (`Volume.shows_head`)."""
    with open_volume(path) as volume:
        return volume.shows_head(plane)


def read_slice(path: str, number: int, plane: str) -> np.ndarray:
    """Reads one slice of a volume (`Volume.read`)."""
    with open_volume(path) as volume:
        return volume.read(number, plane)


@contextlib.contextmanager
def open_volume(path: str | Path) -> Iterator[Volume]:
    """Opens a volume; of its voxels nothing is read yet, but a compressed file is unpacked.

    Args:
        path: the file; of a pair either one.

    Raises:
        ImageReadError: it is missing, no volume, of more than three axes, of complex or colour voxels, too large, or
            does not say how its axes lie.
        ImageDecodeError: it is damaged or truncated.
        ImageResourceError: memory is short.
    """
    path = _header_file(str(path))
    with contextlib.ExitStack() as files:
        file = files.enter_context(open_regular(path))
        packed = is_gzip(file.read(3))
        file.seek(0)
        kind = _kind(first_bytes(path, file, _HEAD) if packed else file.read(_HEAD))
        if kind is None:
            raise ImageReadError(path, _what_else(path))
        name, paired = kind
        with naming_damage(path):
            header = _header(name, path, file, packed)
            shape = _three_axes(path, tuple(map(int, header.get_data_shape())))
            dtype, offset = _grey(path, header.get_data_dtype()), int(header.get_data_offset())
            slope, intercept = header.get_slope_inter()
            orientation = _orientation(path, header.get_best_affine())
        if not 0 <= offset <= MAX_HEADER:
            raise ImageDecodeError(path, f"damaged file (its voxels begin at byte {offset:,})")
        if paired:
            path = _pixel_file(path)
            file = files.enter_context(open_regular(path))
            packed = is_gzip(file.read(3))
        needed = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
        content = io.BytesIO(_unpacked(path, file, needed)) if packed else file
        if content.seek(0, os.SEEK_END) < needed:
            raise ImageDecodeError(path, f"truncated file ({content.tell():,} of {needed:,} bytes)")
        with naming_damage(path):
            from nibabel.arrayproxy import ArrayProxy

        spec = (shape, dtype, offset, 1.0 if slope is None else slope, 0.0 if intercept is None else intercept)
        yield Volume(path, ArrayProxy(content, spec, mmap=False), orientation)


def header_beside(path: Path) -> Path | None:
    """Returns the header beside a file that holds the voxels of a pair; None for any other file."""
    found = _partner(str(path)) if path.name.lower().removesuffix(".gz").endswith(".img") else None
    return Path(found) if found else None


def _kind(head: bytes) -> tuple[str, bool] | None:
    """Returns nibabel's name of the header, and whether voxels lie in another file; None for no volume."""
    for start, signature, name, paired in _SIGNATURES:
        if head[start : start + len(signature)] == signature:
            return name, paired
    if len(head) < _MGH_BYTES:
        return None
    version, *sides, kind = np.frombuffer(head[:24], ">i4")
    return ("MGHHeader", False) if version == 1 and min(sides) > 0 and kind in _MGH_TYPES else None


def _header(name: str, path: str, file: BinaryIO, packed: bool) -> Any:
    """Reads a header; nibabel's own checks are left out, for they print."""
    from nibabel import MGHImage, nifti1, nifti2

    if name == "MGHHeader":
        kind, count = MGHImage.header_class, MGHImage.header_class.template_dtype.itemsize
    else:
        kind = getattr(nifti1, name, None) or getattr(nifti2, name)
        count = kind.template_dtype.itemsize
    file.seek(0)
    block = first_bytes(path, file, count) if packed else file.read(count)
    return kind(block.ljust(count, b"\0")[:count], check=False)


def _three_axes(path: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Returns a shape without what is 1 behind its third axis."""
    if min(shape, default=0) < 1:
        raise ImageReadError(path, f"no voxels ({_sides(shape)})")
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) > 3:
        raise ImageReadError(
            path,
            f"a series of volumes ({_sides(shape)}); save the one that is meant, with nibabel: "
            f"nibabel.save(image.slicer[{', '.join(':::')}{', 0' * (len(shape) - 3)}], 'one.nii.gz')",
        )
    return (*shape, 1, 1)[:3]


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _grey(path: str, dtype: np.dtype) -> np.dtype:
    """Refuses voxels that are not one real number."""
    kind = {"c": "complex numbers", "V": f"colours ({''.join(dtype.names or ('?',))})"}.get(dtype.kind)
    if kind:
        raise ImageReadError(path, f"its voxels are {kind}, which are not read; save them as one grey value each")
    return dtype


def _orientation(path: str, affine: np.ndarray) -> Orientation:
    try:
        return Orientation.of_affine(affine)
    except ValueError as error:
        raise ImageReadError(path, str(error)) from error


def _unpacked(path: str, file: BinaryIO, needed: int) -> bytearray:
    status = os.fstat(file.fileno())
    key = os.path.abspath(path), status.st_size, status.st_mtime_ns, needed
    return kept(key, needed, lambda: inflate(path, file, needed))


def _header_file(path: str) -> str:
    """Returns the header of a pair where its pixels are named; else the file itself."""
    return _partner(path) or path if path.lower().removesuffix(".gz").endswith(".img") else path


def _pixel_file(path: str) -> str:
    found = _partner(path)
    if found is None:
        raise ImageReadError(path, "the header of a NIfTI pair whose .img is not beside it")
    return found


def _partner(path: str) -> str | None:
    """Returns the other file of a pair, if it is there."""
    named = Path(path[:-3] if path.lower().endswith(".gz") else path)
    wanted = _PAIRS.get(named.suffix.lower())
    endings = [case + packed for case in (wanted, wanted.upper()) for packed in ("", ".gz")] if wanted else []
    return next((str(other) for ending in endings if (other := named.with_suffix(ending)).is_file()), None)


def _what_else(path: str) -> str:
    if path.lower().removesuffix(".gz").endswith((".hdr", ".img")):
        return "not a NIfTI pair; an Analyze 7.5 volume does not say how it lies in the patient: convert it to NIfTI"
    return "not a NIfTI or MGH volume (its header cannot be read)"
