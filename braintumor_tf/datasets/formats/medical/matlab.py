"""Slices of the figshare set (article 1512427) as MATLAB 7.3 files: a picture with its class, patient and tumour."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from braintumor_tf.datasets.formats.decoder_warnings import naming_damage
from braintumor_tf.datasets.formats.file_bytes import open_regular
from braintumor_tf.datasets.formats.limits import check_size
from braintumor_tf.errors import ImageReadError

if TYPE_CHECKING:
    import h5py

SUFFIXES = (".mat",)

LABELS = {1: "meningioma", 2: "glioma", 3: "pituitary"}
"""The meaning of ``cjdata.label``."""

_STRUCT = "cjdata"
NO_PICTURE = f"a MATLAB file without the struct {_STRUCT} of figshare's set, so no picture"
_LONGEST = 64


@dataclass(frozen=True)
class MatlabSlice:
    """What a file of figshare's set says.

    Attributes:
        label: one of `LABELS`.
        patient: the set's own number of the patient, which is a pseudonym that its authors published.
        visit: letters that tell visits of one patient, or "".
        lesion_box: ``x y width height``, centre and size of the tumour's box as shares of the picture, or "".
        pixels: as stored, of shape ``(height, width)``; None where they were not asked for.
    """

    label: str
    patient: str
    visit: str
    lesion_box: str
    pixels: np.ndarray | None


def read_matlab(path: str, file: BinaryIO, *, pixels: bool = True) -> MatlabSlice | None:
    """Reads a file of figshare's set; None where it is a MATLAB file without a picture, such as the set's folds.

    Args:
        path: named in errors.
        file: opened for reading.
        pixels: whether to read them.

    Raises:
        ImageReadError: it is of an older version of MATLAB, or its slice is incomplete, without pixels or too large.
        ImageDecodeError: it is damaged.
    """
    import h5py

    head = file.read(19)
    if head.startswith(b"MATLAB 5"):
        raise ImageReadError(path, "a MATLAB file of before version 7.3; save it with save(name, 'cjdata', '-v7.3')")
    with naming_damage(path), h5py.File(file, "r") as content:
        data = content.get(_STRUCT)
        if not isinstance(data, h5py.Group) or "image" not in data:
            return None
        number = _small(path, data, "label").item()
        if number not in LABELS:
            raise ImageReadError(path, f"its {_STRUCT}.label is {number:g}; figshare's set has {sorted(LABELS)}")
        patient = "".join(chr(int(code)) for code in _small(path, data, "PID")).strip()
        return MatlabSlice(
            LABELS[int(number)],
            *patient_and_visit(patient),
            lesion_box=_mask_box(_plane(path, data, "tumorMask")) if "tumorMask" in data else "",
            pixels=_plane(path, data, "image") if pixels else None,
        )


def read_slice(path: str, number: int, plane: str) -> np.ndarray:
    """Reads the picture of a file, as MATLAB shows it; there is no other slice, and no other plane.

    Raises:
        ImageReadError: as `read_matlab`, or the file holds no picture.
    """
    with open_regular(path) as file:
        found = read_matlab(path, file)
    if found is None:
        raise ImageReadError(path, NO_PICTURE)
    return found.pixels


def patient_and_visit(patient: str) -> tuple[str, str]:
    """Takes an id of figshare's set apart: letters at its end tell the visits of one patient.

    Example:
        >>> patient_and_visit("MR040240B"), patient_and_visit("100360")
        (('MR040240', 'B'), ('100360', ''))
    """
    bare = patient.rstrip(string.ascii_letters) or patient
    return bare, patient[len(bare) :]


def _plane(path: str, data: h5py.Group, name: str) -> np.ndarray:
    """Reads a matrix: MATLAB stores its columns first."""
    shape = data[name].shape
    if len(shape) != 2 or data[name].dtype.kind not in "buif":
        raise ImageReadError(path, f"its {_STRUCT}.{name} is no matrix of numbers ({' x '.join(map(str, shape))})")
    check_size(path, *shape)
    return np.asarray(data[name]).T


def _small(path: str, data: h5py.Group, name: str) -> np.ndarray:
    """Reads a few numbers."""
    if name not in data or not 1 <= data[name].size <= _LONGEST:
        raise ImageReadError(path, f"its struct {_STRUCT} lacks {name}")
    return np.asarray(data[name]).ravel()


def _mask_box(mask: np.ndarray) -> str:
    """The box of a tumour's mask: middle, width and height in shares of the picture; "" of an empty one."""
    ends = []
    for axis in (0, 1):
        filled = np.flatnonzero(mask.any(axis=axis))
        if not len(filled):
            return ""
        ends.append((filled[0] / mask.shape[1 - axis], (filled[-1] + 1) / mask.shape[1 - axis]))
    (left, right), (top, bottom) = ends
    return " ".join(f"{value:.4f}" for value in ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top))
