"""What a synthetic data set will hold, decided before anything is drawn: splits, file names, planted faults."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from braintumor_tf.datasets.labels import CLASSES, NO_TUMOR
from braintumor_tf.datasets.synthetic.acquisition import PLANES

FOLDERS = {name: name if name == NO_TUMOR else f"{name}_tumor" for name in CLASSES}
SPLIT_FOLDERS = {"train": "Training", "test": "Testing"}
TRAINING_NAMES = {"glioma": "gg ({})", "meningioma": "m ({})", NO_TUMOR: "image({})", "pituitary": "p ({})"}
"""File names as the public set has them: they number the images of a folder and say nothing about the patient."""

PATIENT_KINDS = ("both", "train", "both", "test", "train", "both")
"""Where the slices of one patient after another go: into one split, or, as in the public set, into both."""


@dataclass(frozen=True)
class Copy:
    """A planted copy of an image.

    Attributes:
        kind: ``byte_copy``, ``reencoded_copy`` or ``label_conflict``.
        path: the copy, relative to the data set's folder.
        split, label: where it stands.
        same_bytes: whether it is copied byte for byte; else it is stored at another size and quality.
        quality: its JPEG quality where it is stored anew.
        scale: its size relative to the original's where it is stored anew.
    """

    kind: str
    path: str
    split: str
    label: str
    same_bytes: bool
    quality: int
    scale: float


@dataclass(frozen=True)
class PlannedImage:
    """An image to draw: which slice of which patient, where it goes, and the copies to make of it."""

    label: str
    patient: int
    slice: int
    plane: str
    split: str
    path: str
    copies: tuple[Copy, ...]


def plan_images(
    *,
    patients_per_class: int,
    slices_per_patient: int,
    seed: int,
    byte_copies: int,
    reencoded_copies: int,
    label_conflicts: int,
) -> list[PlannedImage]:
    """Lays out a data set; arguments as `write_synthetic`. Patients of a class take the three planes in turn."""
    rng = np.random.default_rng([seed, 1])
    places = [
        (label, patient, index, split)
        for label in CLASSES
        for patient in range(patients_per_class)
        for index, split in enumerate(_splits(patient, slices_per_patient))
    ]
    drafts = _draft_copies(places, byte_copies, reencoded_copies, label_conflicts, rng)
    homes = [(split, label) for label, _, _, split in places] + [(copy["split"], copy["label"]) for _, copy in drafts]
    paths = _file_names(homes, rng)
    copies: dict[int, list[Copy]] = {}
    for (original, draft), path in zip(drafts, paths[len(places) :], strict=True):
        copies.setdefault(original, []).append(Copy(path=path, **draft))
    return [
        PlannedImage(label, patient, index, PLANES[patient % 3], split, paths[i], tuple(copies.get(i, ())))
        for i, (label, patient, index, split) in enumerate(places)
    ]


def _splits(patient: int, slices: int) -> list[str]:
    """Returns the split of each slice of the n-th patient of a class."""
    kind = PATIENT_KINDS[patient % len(PATIENT_KINDS)]
    if kind != "both":
        return [kind] * slices
    return ["test" if index % 4 == 1 else "train" for index in range(slices)]


def _draft_copies(
    places: list[tuple[str, int, int, str]],
    byte_copies: int,
    reencoded_copies: int,
    conflicts: int,
    rng: np.random.Generator,
) -> list[tuple[int, dict]]:
    """Chooses distinct originals and says what to make of each: pairs of a place's index and the fields of a `Copy`."""
    kinds = ["byte_copy"] * byte_copies + ["reencoded_copy"] * reencoded_copies + ["label_conflict"] * conflicts
    training = [i for i, place in enumerate(places) if place[3] == "train"]
    tumours = [i for i in training if places[i][0] != NO_TUMOR]
    free, drafts = [int(i) for i in rng.permutation(training)], []
    for number, kind in enumerate(kinds):
        fit = [i for i in free if kind != "label_conflict" or i in tumours]
        if not fit:
            break
        free.remove(fit[0])
        label = places[fit[0]][0]
        if kind == "label_conflict":
            label = str(rng.choice([name for name in CLASSES if name not in (label, NO_TUMOR)]))
        across = kind == "label_conflict" or number % 2 == 0
        same = kind == "byte_copy" or (kind == "label_conflict" and number % 2 == 0)
        draft = {"kind": kind, "split": "test" if across else "train", "label": label, "same_bytes": same}
        drafts.append((fit[0], draft | {"quality": int(rng.integers(60, 92)), "scale": float(rng.uniform(0.8, 1.35))}))
    return drafts


def _file_names(homes: list[tuple[str, str]], rng: np.random.Generator) -> list[str]:
    """Numbers the files of each folder in a random order, so that a number tells nothing about the patient."""
    names = [""] * len(homes)
    for home in sorted(set(homes)):
        members = [i for i, other in enumerate(homes) if other == home]
        split, label = home
        pattern = TRAINING_NAMES[label] if split == "train" else "image({})"
        for number, member in enumerate(rng.permutation(members), start=1):
            names[member] = f"{SPLIT_FOLDERS[split]}/{FOLDERS[label]}/{pattern.format(number)}.jpg"
    return names
