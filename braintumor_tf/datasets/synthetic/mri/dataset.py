"""Writing a synthetic data set to a folder laid out as the public one is."""

from __future__ import annotations

import functools
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from braintumor_tf.datasets.labels import CLASSES, NO_TUMOR
from braintumor_tf.datasets.synthetic.acquisition import NORMAL_AXIS, PLANES, Size, encode_jpeg, resize
from braintumor_tf.datasets.synthetic.folders import complete_or_nothing, holds_anything
from braintumor_tf.datasets.synthetic.ground_truth import FILE_NAME, VERSION, check_reusable, to_record
from braintumor_tf.datasets.synthetic.mri.patients import Patient, draw_slice, sample_patient
from braintumor_tf.datasets.synthetic.mri.texture import fold_volume, noise_volume
from braintumor_tf.datasets.synthetic.plan import Copy, PlannedImage, plan_images
from braintumor_tf.errors import DatasetError
from braintumor_tf.files import write_json
from braintumor_tf.progress import progress_bar

MASKS = "_masks"
"""Folder of the masks; scanners skip names that begin with an underscore."""


def write_synthetic(
    folder: str | Path,
    *,
    patients_per_class: int = 12,
    slices_per_patient: int = 5,
    seed: int = 0,
    image_size: Size = None,
    byte_copies: int = 6,
    reencoded_copies: int = 6,
    label_conflicts: int = 2,
    shortcut: float = 0.0,
    workers: int | None = None,
    show_progress: bool = True,
) -> Path:
    """Writes a synthetic data set, or finds that the folder holds it already.

    The folder gets ``Training/<class>/*.jpg`` and ``Testing/<class>/*.jpg``, named as in the public Sartaj set, masks
    of the tumours under ``_masks/`` (PNG, 0 and 255) and ``_ground_truth.json``. As in the public set, the split leaks:
    half the patients have slices on both sides, and some files are copies of others. The same arguments give the same
    bytes whatever the number of workers (with one release of NumPy, OpenCV and Pillow).

    Args:
        folder: where to write; it must not exist, be empty, or hold this very set.
        patients_per_class: simulated patients of each of the four classes, at least 1.
        slices_per_patient: neighbouring slices of each patient, at least 1.
        seed: decides everything that is random, at least 0.
        image_size: None for sides of 200 to 512 pixels, not always square; an int for square images of that side; a
            pair ``(low, high)`` for a range of the longer side. At least 32.
        byte_copies: files to plant that repeat another byte for byte, every other one across the splits.
        reencoded_copies: files to plant that show another's picture at another size and JPEG quality, likewise.
        label_conflicts: files to plant that show a training picture under the wrong tumour in the test split.
        shortcut: 0..1, how far image size and black border follow the class instead of chance.
        workers: threads; None for one a core, at most 8.
        show_progress: whether to show a bar when it takes over two seconds.

    Returns:
        The folder.

    Raises:
        DatasetError: an argument is out of range, or the folder holds something else, which is left as it is.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as parent:
        ...     folder = write_synthetic(f"{parent}/set", patients_per_class=1, slices_per_patient=2, image_size=64)
        ...     sorted(path.name for path in folder.iterdir())
        ['Testing', 'Training', '_ground_truth.json', '_masks']
    """
    folder, size = Path(folder), list(image_size) if isinstance(image_size, (tuple, list)) else image_size
    parameters = {
        "version": VERSION,
        "patients_per_class": patients_per_class,
        "slices_per_patient": slices_per_patient,
    }
    parameters |= {"seed": seed, "image_size": size, "shortcut": shortcut, "byte_copies": byte_copies}
    parameters |= {"reencoded_copies": reencoded_copies, "label_conflicts": label_conflicts}
    _check(parameters)
    if holds_anything(folder):
        check_reusable(folder, parameters)
        return folder
    plan = plan_images(
        patients_per_class=patients_per_class,
        slices_per_patient=slices_per_patient,
        seed=seed,
        byte_copies=byte_copies,
        reencoded_copies=reencoded_copies,
        label_conflicts=label_conflicts,
    )
    with complete_or_nothing(folder) as draft:
        images, copies = _write_images(draft, plan, parameters, workers, show_progress)
        write_json(draft / FILE_NAME, to_record(parameters, images, copies))
    check_reusable(folder, parameters)
    return folder


def _check(parameters: dict[str, Any]) -> None:
    least = {
        "patients_per_class": 1,
        "slices_per_patient": 1,
        "seed": 0,
        "byte_copies": 0,
        "reencoded_copies": 0,
        "label_conflicts": 0,
    }
    for name, low in least.items():
        if not isinstance(parameters[name], int) or parameters[name] < low:
            raise DatasetError(f"{name} must be a whole number of at least {low}, not {parameters[name]!r}")
    size = parameters["image_size"]
    sides = size if isinstance(size, list) else [size, size]
    if size is not None and (
        len(sides) != 2 or not all(isinstance(s, int) for s in sides) or not 32 <= sides[0] <= sides[1] <= 2048
    ):
        raise DatasetError(f"image_size must be None, a side, or (low, high), in 32 to 2048 pixels, not {size!r}")
    if not 0 <= parameters["shortcut"] <= 1:
        raise DatasetError(f"shortcut must be in 0 to 1, not {parameters['shortcut']!r}")


def _write_images(
    folder: Path, plan: list[PlannedImage], parameters: dict[str, Any], workers: int | None, show_progress: bool
) -> tuple[list[dict], list[dict]]:
    for path in {(folder / p).parent for image in plan for p in (image.path, *(copy.path for copy in image.copies))}:
        path.mkdir(parents=True, exist_ok=True)
    fold_volume(), noise_volume()  # once, before the threads want them
    find_patient = functools.lru_cache(maxsize=None)(functools.partial(_patient, parameters=parameters))
    pool = ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1))
    try:
        jobs = pool.map(
            lambda image: _write_image(folder, image, find_patient(image.label, image.patient), parameters), plan
        )
        written = list(progress_bar(jobs, "Drawing synthetic slices", total=len(plan), show=show_progress))
    finally:
        pool.shutdown(cancel_futures=True)
    rows = sorted((row for images, _ in written for row in images), key=lambda row: row["path"])
    return rows, [copy for _, copies in written for copy in copies]


def _patient(label: str, patient: int, parameters: dict[str, Any]) -> Patient:
    rng = np.random.default_rng([parameters["seed"], 2, CLASSES.index(label), patient])
    size = parameters["image_size"]
    return sample_patient(
        label,
        PLANES[patient % 3],
        rng,
        image_size=tuple(size) if isinstance(size, list) else size,
        shortcut=parameters["shortcut"],
    )


def slice_positions(patient: Patient, slices: int) -> np.ndarray:
    """Returns where a patient's slices lie, in millimetres from the lesion's centre; all of them meet the lesion."""
    radius = patient.lesion.radii[NORMAL_AXIS[patient.plane]]
    spacing = min(patient.spacing, 1.1 * radius / max(slices - 1, 1))
    return (np.arange(slices) - (slices - 1) / 2) * spacing


def _write_image(
    folder: Path, image: PlannedImage, patient: Patient, parameters: dict[str, Any]
) -> tuple[list[dict], list[dict]]:
    """Draws one image and its copies; returns their rows of the ground truth and those of the copies."""
    position = float(slice_positions(patient, parameters["slices_per_patient"])[image.slice])
    pixels, mask = draw_slice(patient, position, index=image.slice)
    data = encode_jpeg(pixels, patient.scanner.quality)
    known = {
        "true_label": image.label,
        "patient": f"{image.label}-{image.patient:03d}",
        "plane": image.plane,
        "slice": image.slice,
        "position_mm": round(position, 3),
    }
    row = _save(folder, image.path, data, mask if image.label != NO_TUMOR else None)
    rows = [{"split": image.split, "label": image.label, "copy_of": None} | row | known]
    copies = []
    for copy in image.copies:
        row = _save_copy(folder, copy, data, mask if image.label != NO_TUMOR else None)
        rows.append({"split": copy.split, "label": copy.label, "copy_of": image.path} | row | known)
        copies.append(
            {
                "kind": copy.kind,
                "copy": copy.path,
                "original": image.path,
                "same_bytes": copy.same_bytes,
                "across_splits": copy.split != image.split,
            }
        )
    return rows, copies


def _save(folder: Path, path: str, data: bytes, mask: np.ndarray | None) -> dict[str, Any]:
    (folder / path).write_bytes(data)
    width, height = Image.open(io.BytesIO(data)).size
    row = {"path": path, "height": height, "width": width, "bytes": len(data), "mask": None, "box": None}
    if mask is None:
        return row
    row["mask"] = str(Path(MASKS, path).with_suffix(".png").as_posix())
    (folder / row["mask"]).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(folder / row["mask"])
    return row | {"box": bounding_box(mask)}


def _save_copy(folder: Path, copy: Copy, data: bytes, mask: np.ndarray | None) -> dict[str, Any]:
    if not copy.same_bytes:
        pixels = np.asarray(Image.open(io.BytesIO(data)))
        height, width = (max(32, round(side * copy.scale)) for side in pixels.shape)
        data = encode_jpeg(resize(pixels, height, width), copy.quality)
        mask = None if mask is None else resize(mask.astype(np.float32), height, width) > 0.5
    return _save(folder, copy.path, data, mask)


def bounding_box(mask: np.ndarray) -> list[int] | None:
    """Returns ``[left, top, right, bottom]`` of a bool mask in pixels, right and bottom exclusive; None if empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1] if rows.size else None
