"""Writing synthetic tissue to a folder laid out as the public breast set is: ``patient/0|1/patch.png``."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from braintumor_tf.datasets.synthetic.acquisition import Size, resize
from braintumor_tf.datasets.synthetic.folders import complete_or_nothing, holds_anything
from braintumor_tf.datasets.synthetic.ground_truth import FILE_NAME, check_reusable, to_record
from braintumor_tf.datasets.synthetic.tissue.patches import TISSUES, Slide, compressed, draw_patch, sample_slide
from braintumor_tf.errors import DatasetError
from braintumor_tf.files import write_json
from braintumor_tf.progress import progress_bar

TISSUE_FOLDERS = {"no_idc": "0", "idc": "1"}
"""The class folders, named as in the public set."""

VERSION = 1
"""Raised when the same parameters no longer give the same patches."""

_COPIES = {"byte_copy": "byte_copies", "reencoded_copy": "reencoded_copies", "label_conflict": "label_conflicts"}
_GRID = (60, 50)
_STEP = 50


@dataclass(frozen=True)
class _Patch:
    """A patch to draw, and the copies to make of it: each a path, its patient, its label, and what it does."""

    patient: int
    label: str
    index: int
    path: str
    copies: tuple[dict[str, Any], ...] = ()


def write_synthetic_tissue(
    folder: str | Path,
    *,
    patients: int = 24,
    patches_per_patient: int = 12,
    seed: int = 0,
    image_size: Size = None,
    byte_copies: int = 6,
    reencoded_copies: int = 6,
    label_conflicts: int = 2,
    workers: int | None = None,
    show_progress: bool = True,
) -> Path:
    """Writes patches of simulated stained tissue, or finds that the folder holds them already.

    The folder gets ``<patient>/0/*.png`` (without carcinoma, two thirds of the patches) and ``<patient>/1/*.png``,
    named as in the public breast set, and ``_ground_truth.json``. It has no official split. Some files are copies of
    others, and of those every other one is filed under another patient, so that to split by patient alone would leak;
    at most a third of the patients are tied to another one in this way, in pairs. The same arguments give the same
    bytes whatever the number of workers (with one release of NumPy, OpenCV and Pillow).

    Args:
        folder: where to write; it must not exist, be empty, or hold this very set.
        patients: simulated patients, each with a slide, stains and a microscope of its own; at least 2.
        patches_per_patient: at least 3.
        seed: decides everything that is random, at least 0.
        image_size: None for square patches of 50 or 96 pixels, as the slide will have it; an int for that side; a pair
            ``(low, high)`` for a range. At least 32.
        byte_copies: files to plant that repeat another byte for byte.
        reencoded_copies: files to plant that show another's picture at another size and JPEG quality.
        label_conflicts: files to plant that show a patch of the same patient under the other label.
        workers: threads; None for one a core, at most 8.
        show_progress: whether to show a bar when it takes over two seconds.

    Returns:
        The folder.

    Raises:
        DatasetError: an argument is out of range, or the folder holds something else, which is left as it is.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as parent:
        ...     folder = write_synthetic_tissue(f"{parent}/set", patients=2, patches_per_patient=3)
        ...     (folder / "_ground_truth.json").is_file()
        True
    """
    folder, size = Path(folder), list(image_size) if isinstance(image_size, (tuple, list)) else image_size
    parameters = {"tissue_version": VERSION, "patients": patients, "patches_per_patient": patches_per_patient}
    parameters |= {"seed": seed, "image_size": size, "byte_copies": byte_copies}
    parameters |= {"reencoded_copies": reencoded_copies, "label_conflicts": label_conflicts}
    _check(parameters)
    if holds_anything(folder):
        check_reusable(folder, parameters)
        return folder
    slides = [_slide(patient, parameters) for patient in range(patients)]
    plan = _plan(parameters)
    with complete_or_nothing(folder) as draft:
        for path in {path for patch in plan for path in (patch.path, *(copy["path"] for copy in patch.copies))}:
            (draft / path).parent.mkdir(parents=True, exist_ok=True)
        pool = ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1))
        try:
            jobs = pool.map(lambda patch: _write_patch(draft, patch, slides[patch.patient], parameters), plan)
            written = list(progress_bar(jobs, "Drawing synthetic tissue", total=len(plan), show=show_progress))
        finally:
            pool.shutdown(cancel_futures=True)
        rows = sorted((row for images, _ in written for row in images), key=lambda row: row["path"])
        copies = [copy for _, found in written for copy in found]
        write_json(draft / FILE_NAME, to_record(parameters, rows, copies))
    check_reusable(folder, parameters)
    return folder


def _check(parameters: dict[str, Any]) -> None:
    least = {"patients": 2, "patches_per_patient": 3, "seed": 0}
    least |= {"byte_copies": 0, "reencoded_copies": 0, "label_conflicts": 0}
    for name, low in least.items():
        if not isinstance(parameters[name], int) or parameters[name] < low:
            raise DatasetError(f"{name} must be a whole number of at least {low}, not {parameters[name]!r}")
    size = parameters["image_size"]
    sides = size if isinstance(size, list) else [size, size]
    if size is not None and (
        len(sides) != 2 or not all(isinstance(side, int) for side in sides) or not 32 <= sides[0] <= sides[1] <= 512
    ):
        raise DatasetError(f"image_size must be None, a side, or (low, high), in 32 to 512 pixels, not {size!r}")


def _slide(patient: int, parameters: dict[str, Any]) -> Slide:
    size = parameters["image_size"]
    rng = np.random.default_rng([parameters["seed"], 3, patient])
    return sample_slide(rng, image_size=tuple(size) if isinstance(size, list) else size)


def _plan(parameters: dict[str, Any]) -> list[_Patch]:
    """Decides names and copies before anything is drawn."""
    rng = np.random.default_rng([parameters["seed"], 4])
    numbers = _patient_numbers(parameters)
    count = parameters["patches_per_patient"]
    kinds = [kind for kind, setting in _COPIES.items() for _ in range(parameters[setting])]
    places = [(patient, index) for patient in range(len(numbers)) for index in range(count)]
    cells = {patient: list(rng.permutation(_GRID[0] * _GRID[1])) for patient in range(len(numbers))}
    free = [int(place) for place in rng.permutation(len(places))]
    paths = [_path(numbers[patient], _label(index), cells[patient]) for patient, index in places]
    copies: dict[int, list[dict[str, Any]]] = {}
    tied = 2 * max(1, len(numbers) // 6)
    for number, kind in enumerate(kinds):
        abroad = kind != "label_conflict" and number % 2 == 0
        fit = [place for place in free if not abroad or places[place][0] < tied]
        if not fit:
            continue
        free.remove(fit[0])
        patient, index = places[fit[0]]
        home = patient ^ 1 if abroad else patient
        label = _label(index) if kind != "label_conflict" else TISSUES[1 - TISSUES.index(_label(index))]
        same = kind == "byte_copy" or (kind == "label_conflict" and number % 2 == 0)
        draft = {"kind": kind, "path": _path(numbers[home], label, cells[home]), "patient": home, "label": label}
        draft |= {"same_bytes": same, "quality": int(rng.integers(60, 92)), "scale": float(rng.uniform(0.8, 1.35))}
        copies.setdefault(fit[0], []).append(draft)
    return [
        _Patch(patient, _label(index), index, paths[i], tuple(copies.get(i, ())))
        for i, (patient, index) in enumerate(places)
    ]


def _patient_numbers(parameters: dict[str, Any]) -> list[int]:
    """Returns the number that each patient goes by, as telling as those of the public set: not at all."""
    rng = np.random.default_rng([parameters["seed"], 5])
    return (8000 + rng.permutation(max(9000, parameters["patients"]))[: parameters["patients"]]).tolist()


def _label(index: int) -> str:
    return TISSUES[int(index % 3 == 2)]


def _path(patient: int, label: str, cells: list[int]) -> str:
    """Names a file by the next free cell of the patient's slide."""
    row, column = divmod(int(cells.pop()), _GRID[0])
    kind = TISSUE_FOLDERS[label]
    return f"{patient}/{kind}/{patient}_idx5_x{column * _STEP + 1}_y{row * _STEP + 1}_class{kind}.png"


def _write_patch(
    folder: Path, patch: _Patch, slide: Slide, parameters: dict[str, Any]
) -> tuple[list[dict], list[dict]]:
    """Draws a patch and its copies; returns their rows of the ground truth and those of the copies."""
    rng = np.random.default_rng([parameters["seed"], 6, patch.patient, patch.index])
    pixels = draw_patch(slide, patch.label, rng)
    numbers = _patient_numbers(parameters)
    known = {"true_label": patch.label, "true_patient": numbers[patch.patient]}

    def row(path: str, label: str, patient: int, image: np.ndarray, original: str | None) -> dict[str, Any]:
        data = _png(image)
        (folder / path).write_bytes(data)
        found = {"path": path, "split": "", "label": label, "patient": numbers[patient], "copy_of": original}
        return found | known | _measures(image, data)

    rows, copies = [row(patch.path, patch.label, patch.patient, pixels, None)], []
    for copy in patch.copies:
        image = pixels if copy["same_bytes"] else _stored_again(pixels, copy["scale"], copy["quality"])
        rows.append(row(copy["path"], copy["label"], copy["patient"], image, patch.path))
        found = {"kind": copy["kind"], "copy": copy["path"], "original": patch.path}
        copies.append(found | {"same_bytes": copy["same_bytes"], "across_splits": False})
    return rows, copies


def _measures(image: np.ndarray, data: bytes) -> dict[str, Any]:
    return {"height": image.shape[0], "width": image.shape[1], "bytes": len(data), "mask": None, "box": None}


def _stored_again(pixels: np.ndarray, scale: float, quality: int) -> np.ndarray:
    side = max(32, round(pixels.shape[0] * scale))
    return compressed(resize(pixels, side, side), quality)


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
