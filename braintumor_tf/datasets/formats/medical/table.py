"""The formats of medical images, each with what reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from braintumor_tf.datasets.formats.medical import dicom, matlab, nifti
from braintumor_tf.datasets.formats.medical.slice_path import SlicePath


@dataclass(frozen=True)
class MedicalFormat:
    """A format whose files are not pictures as Pillow reads them.

    Attributes:
        name: for texts.
        suffixes: endings of file names, lower case.
        head_slices: takes a path and a plane, and returns which slices show the head, as bool; None where a file is
            one picture.
        read_slice: takes a path, the number of a slice from 1, and a plane, and returns its pixels, as deep as they
            are stored, of shape ``(height, width)``.
    """

    name: str
    suffixes: tuple[str, ...]
    head_slices: Callable[[str, str], np.ndarray] | None
    read_slice: Callable[[str, int, str], np.ndarray]


MEDICAL_FORMATS = (
    MedicalFormat("NIfTI", nifti.SUFFIXES, nifti.head_slices, nifti.read_slice),
    MedicalFormat("MATLAB", matlab.SUFFIXES, None, matlab.read_slice),
    MedicalFormat("DICOM", dicom.SUFFIXES, dicom.head_slices, dicom.read_slice),
)
"""Every format that is read here."""

_DICOM = MEDICAL_FORMATS[-1]
_ENDING = re.compile(r"\.[a-z][a-z0-9]*")


def medical_format(path: str | Path) -> MedicalFormat | None:
    """Returns the format of a file or of a slice by the ending of the file's name; None for other files.

    Where a name has no ending of letters, such as ``IM0001`` or ``1.2.840.113619.2``, the file itself is asked whether
    it is DICOM.

    Example:
        >>> medical_format("a/brain.nii.gz#81").name, medical_format("slice.png")
        ('NIfTI', None)
    """
    return _format_of(file_of(path))


def _format_of(file: str) -> MedicalFormat | None:
    name = file.lower()
    if _ENDING.fullmatch(Path(name).suffix):
        return next((each for each in MEDICAL_FORMATS if name.endswith(each.suffixes)), None)
    return _DICOM if dicom.begins_like_dicom(file) else None


def is_volume_name(path: str | Path) -> bool:
    """Whether a file is taken for a volume, of which slices are chosen, by the ending of its name."""
    found = medical_format(path)
    return found is not None and found.head_slices is not None and file_of(path) == str(path)


def stem_of(path: str | Path) -> str:
    """Returns the name of a picture's file without its ending; of a slice the volume's, and which slice it is.

    Example:
        >>> stem_of("a/brain.nii.gz#coronal-81"), stem_of("a/1.png")
        ('brain_coronal-81', '1')
    """
    path, file = str(path), file_of(path)
    return f"{Path(file.removesuffix('.gz')).stem}_{path[len(file) + 1 :]}" if file != path else Path(path).stem


def file_of(path: str | Path) -> str:
    """Returns the file that holds a picture: the volume of a slice, else the path itself."""
    found = SlicePath.of(str(path))
    is_slice = found is not None and _format_of(found.file) is not None and not os.path.lexists(path)
    return found.file if is_slice else str(path)  # a file whose own name ends so is itself
