"""DICOM files of one frame each that are slices of one series, and so of one volume."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from braintumor_tf.datasets.formats.medical.chosen_slices import ALL, MIDDLE, evenly
from braintumor_tf.datasets.formats.medical.dicom import files_with_head, read_tags
from braintumor_tf.datasets.formats.medical.head_slices import middle_slice
from braintumor_tf.datasets.formats.medical.table import medical_format
from braintumor_tf.errors import ImageReadError


@dataclass(frozen=True)
class Series:
    """A series of files.

    Attributes:
        name: the folder of its first file; with a number where that folder holds several series.
        files: its files in the order of their instance numbers.
    """

    name: str
    files: tuple[str, ...]

    def chosen(self, slices: str | int) -> list[str]:
        """Returns the files that `slices` means, as `choose_slices` does for a volume.

        Raises:
            ImageReadError: a file cannot be read.
        """
        shown = files_with_head(self.files)
        numbers = np.flatnonzero(shown)
        if not len(numbers):
            return list(self.files)
        if slices == MIDDLE:
            numbers = [middle_slice(shown) - 1]
        elif slices != ALL and int(slices) < len(numbers):
            numbers = numbers[evenly(len(numbers), int(slices))]
        return [self.files[number] for number in numbers]


def find_series(paths: Iterable[str]) -> list[Series]:
    """Finds the series among files: two files or more that name the same one.

    Args:
        paths: of any files; those that are no DICOM files, or cannot be read, belong to none.

    Returns:
        The series in the order of their first files.
    """
    members: dict[str, list[tuple[int, str]]] = {}
    for path in paths:
        kind = medical_format(path)
        if kind is None or kind.name != "DICOM":
            continue
        with contextlib.suppress(ImageReadError):
            series, number = read_tags(path, ("SeriesInstanceUID", "InstanceNumber")).values()
            if series:
                members.setdefault(series, []).append((int(number) if number.isdecimal() else 0, path))
    found = [files for files in members.values() if len(files) > 1]
    folders = [os.path.dirname(files[0][1]) or "." for files in found]
    several, seen, series = Counter(folders), Counter(), []
    for folder, files in zip(folders, found):
        seen[folder] += 1
        name = folder if several[folder] == 1 else f"{folder} (series {seen[folder]})"
        series.append(Series(name, tuple(path for _, path in sorted(files))))
    return series
