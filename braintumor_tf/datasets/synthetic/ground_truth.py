"""The ground truth of a synthetic data set: what every image shows, and which copies were planted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.errors import DatasetError

FILE_NAME = "_ground_truth.json"
"""Written last, so that a folder that has it is complete. Scanners skip names that begin with an underscore."""

GENERATOR = "braintumor_tf synthetic slices"
VERSION = 1
"""Raised when the same parameters no longer give the same pictures."""


@dataclass(frozen=True)
class GroundTruth:
    """What is known about a synthetic data set.

    Attributes:
        parameters: the arguments of `write_synthetic` or `write_synthetic_tissue` that decide its content.
        images: one row an image, copies included: path (relative, with slashes), split, label (of the folder),
            true_label (of the patient), patient, plane, slice, position_mm, height, width, bytes, mask (relative path
            or None), box (``[left, top, right, bottom]`` in pixels, right and bottom exclusive, or None), copy_of
            (relative path or None). Tissue has no plane, slice and position, but true_patient, since a copy may be
            filed under another patient.
        copies: one row a planted copy: kind (``byte_copy``, ``reencoded_copy``, ``label_conflict``), copy, original,
            same_bytes, across_splits.
    """

    parameters: dict[str, Any]
    images: pd.DataFrame
    copies: pd.DataFrame


COPY_COLUMNS = ["kind", "copy", "original", "same_bytes", "across_splits"]


def read_ground_truth(folder: str | Path) -> GroundTruth:
    """Reads the ground truth of a synthetic data set.

    Raises:
        DatasetError: the folder holds no complete synthetic data set.
    """
    path = Path(folder) / FILE_NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        images = pd.DataFrame(found["images"])
        for column in ("mask", "box", "copy_of"):
            images[column] = images[column].astype(object).where(images[column].notna(), None)
        return GroundTruth(found["parameters"], images, pd.DataFrame(found["copies"], columns=COPY_COLUMNS))
    except FileNotFoundError as error:
        raise DatasetError(
            f"{folder}: no complete synthetic data set (no {FILE_NAME}); write_synthetic makes one"
        ) from error
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DatasetError(
            f"{path}: not the ground truth of a synthetic data set ({error}); delete the folder"
        ) from error


def to_record(parameters: dict[str, Any], images: list[dict], copies: list[dict]) -> dict[str, Any]:
    """Returns what is written to the ground truth file."""
    head = {"generator": GENERATOR, "version": VERSION, "parameters": parameters}
    return head | {"images": images, "copies": copies}


def check_reusable(folder: Path, parameters: dict[str, Any]) -> None:
    """Makes sure that a folder holds the complete set that these parameters give.

    Raises:
        DatasetError: it holds something else, another set, or one with missing or changed files.
    """
    if not (folder / FILE_NAME).is_file():
        raise DatasetError(f"{folder}: is not empty and holds no synthetic data set; choose another folder")
    truth = read_ground_truth(folder)
    if truth.parameters != parameters:
        different = sorted(
            k for k in truth.parameters.keys() | parameters.keys() if truth.parameters.get(k) != parameters.get(k)
        )
        raise DatasetError(
            f"{folder}: holds a synthetic set with other {', '.join(different)}; delete it or choose another folder"
        )
    for path, size in zip(truth.images["path"], truth.images["bytes"], strict=True):
        file = folder / path
        if not file.is_file() or file.stat().st_size != size:
            raise DatasetError(f"{folder}: {path} is missing or was changed; delete the folder to have it made again")
    for mask in truth.images["mask"].dropna():
        if not (folder / mask).is_file():
            raise DatasetError(f"{folder}: {mask} is missing; delete the folder to have it made again")
