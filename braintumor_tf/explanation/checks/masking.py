"""What becomes of the answer when a part of the image is covered: the lesion, the border, everything but the head.

Covered images are unlike those that a model was trained on, so a low score proves little: what is missing may be
there and not be understood. A high score proves that the part that was left is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.datasets.head_crop import head_mask
from braintumor_tf.datasets.reading import read_image
from braintumor_tf.errors import ExplanationError
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, group_weights, mean_scores, with_interval
from braintumor_tf.evaluation.scores.weighted_metrics import accuracy, balanced_accuracy, ratio, weighted_confusion
from braintumor_tf.explanation.checks.masks import border_mask, cover, find_masks, grow, place_elsewhere, read_mask
from braintumor_tf.models.image_fitting import fit_picture
from braintumor_tf.progress import progress_bar

MARGIN = 0.03
"""How far beyond a lesion's mask its cover reaches, as a share of the longer side: tissue around it may be changed."""

WHOLE = "whole image"
WITHOUT_BORDER = "without the border strip"
WITHOUT_BACKGROUND = "without the background"
OUTLINE = "outline alone"
BACKGROUND = "background alone"

SHOWN = {
    WHOLE: "nothing covered",
    WITHOUT_BORDER: "a strip of 4.7 % along each side blackened",
    WITHOUT_BACKGROUND: "all but the head blackened",
    OUTLINE: "the head filled with its mean grey, so that its shape and place are left",
    BACKGROUND: "the head blackened",
}
"""What `outside_check` shows the model, and how."""

_CHUNK = 64

Versions = Callable[[np.ndarray, int], dict[str, np.ndarray]]


def lesion_versions(
    image: np.ndarray, mask: Any, margin: float = MARGIN, generator: np.random.Generator | None = None
) -> dict[str, np.ndarray]:
    """Returns an image as it is and with its lesion, as much of the head elsewhere, or the border covered.

    Args:
        image: uint8, shape ``(height, width)`` or ``(height, width, 3)``.
        mask: of the lesion, an image file or an array.
        margin: as in `masking_check`.
        generator: draws the place of the control; None for always the same.

    Returns:
        Images like the given one under ``nothing``, ``lesion``, ``elsewhere`` and ``border``.
    """
    lesion = grow(read_mask(mask, image.shape), margin)
    control = place_elsewhere(lesion, head_mask(image), generator or np.random.default_rng(0))
    return {
        "nothing": image,
        "lesion": cover(image, lesion),
        "elsewhere": cover(image, control),
        "border": cover(image, border_mask(image.shape) & ~lesion, 0),
    }


def outside_versions(image: np.ndarray, head: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Returns an image under each entry of `SHOWN`.

    Args:
        image: uint8, shape ``(height, width)`` or ``(height, width, 3)``.
        head: its `head_mask`; None to find it.
    """
    head = head_mask(image) if head is None else head
    return {
        WHOLE: image,
        WITHOUT_BORDER: cover(image, border_mask(image.shape), 0),
        WITHOUT_BACKGROUND: cover(image, ~head, 0),
        OUTLINE: cover(image, head, float(image[head].mean())),
        BACKGROUND: cover(image, head, 0),
    }


def masking_check(
    model: Any,
    manifest: pd.DataFrame,
    masks: Sequence[Any] | None = None,
    margin: float = MARGIN,
    seed: int = 0,
    resamples: int = 1000,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Covers the lesion, as much of the head elsewhere, and the border, and says what the true class loses.

    Lesion and control are covered by continuing their surroundings, the border strip by black. A model that looks at
    the lesion loses probability where that is covered, more than for the control, and none for the border.

    Args:
        model: a model of `braintumor_tf.models`, a run, or a run's directory.
        manifest: the images; those without a mask are left out.
        masks: files or arrays, one for each row of the manifest, None for an image without; None finds those of
            synthetic images (`find_masks`).
        margin: how far beyond the mask the cover reaches, as a share of the longer side.
        seed: of the places of the control and the resamples.
        resamples: of the intervals.
        show_progress: whether to show a bar.

    Returns:
        Rows ``nothing``, ``lesion``, ``elsewhere``, ``border`` with columns `masked`, `probability` (of the true
        class), `drop` (of it, from ``nothing``), `beyond_elsewhere` (the drop minus the control's), each with `…_low`
        and `…_high`, the 95 % interval over groups; `accuracy`, `images`, `groups`.

    Raises:
        ExplanationError: no image has a mask, a label is none of the model's classes, or a mask does not fit its image.
    """
    masks = find_masks(manifest).tolist() if masks is None else list(masks)
    there = np.array([mask is not None for mask in masks], bool)
    if len(masks) != len(manifest) or not there.any():
        raise ExplanationError("no image has a lesion mask; give one for each image, None for an image without")
    rows, masks = manifest[there], [mask for mask in masks if mask is not None]

    def versions(image: np.ndarray, number: int) -> dict[str, np.ndarray]:
        return lesion_versions(image, masks[number], margin, np.random.default_rng([seed, number]))

    classes, found = masked_probabilities(model, rows, versions, show_progress)
    truth = _class_numbers(rows, classes)
    chance = {name: one[np.arange(len(rows)), truth] for name, one in found.items()}
    groups, table = group_numbers(rows["group"]), []
    for name, one in chance.items():
        drop = chance["nothing"] - one
        columns = {"probability": one, "drop": drop}
        columns["beyond_elsewhere"] = drop - (chance["nothing"] - chance["elsewhere"])
        row: dict[str, Any] = {"masked": name}
        for key, entry in mean_scores(columns, groups, resamples=resamples, seed=seed).items():
            row |= entry.columns(key)
        row["accuracy"] = float((found[name].argmax(axis=1) == truth).mean())
        table.append({**row, "images": len(rows), "groups": int(groups.max()) + 1})
    return pd.DataFrame(table)


def outside_check(
    model: Any,
    manifest: pd.DataFrame,
    split: str | None = "test",
    seed: int = 0,
    resamples: int = 1000,
    show_progress: bool = True,
) -> pd.DataFrame:
    """Scores a model with parts of the image covered, to see how much of its score comes from outside the head.

    No lesion mask is needed; the head is found by `head_mask`, whose limits hold here too: skull and scalp count as
    inside. What is shown is listed in `SHOWN`.

    Args:
        model: a model of `braintumor_tf.models`, a run, or a run's directory.
        manifest: the images.
        split: which of its splits; None for all of its images.
        seed: of the resamples.
        resamples: of the intervals.
        show_progress: whether to show a bar.

    Returns:
        One row for each entry of `SHOWN`: `shown`, `accuracy`, `balanced_accuracy`, `change` (of accuracy, from the
        whole image), `share` (of what balanced accuracy has above a constant answer, 1 for the whole image, 0 for no
        better than always the same class), each with `…_low` and `…_high`, the 95 % interval over groups; `constant`
        (balanced accuracy of a constant answer), `head_share` (mean share of the picture), `images`, `groups`.

    Raises:
        ExplanationError: no image is in that split, or a label is none of the model's classes.

    Example:
        >>> outside_check("models/cnn", run.manifest).set_index("shown")["accuracy"]["background alone"]
        0.31
    """
    rows = manifest if split is None else manifest[manifest["split"] == split]
    if rows.empty:
        raise ExplanationError(f"no image is in the split {split!r}; split the manifest first (leakage.split)")
    heads: list[float] = []

    def versions(image: np.ndarray, number: int) -> dict[str, np.ndarray]:
        head = head_mask(image)
        heads.append(float(head.mean()))
        return outside_versions(image, head)

    classes, found = masked_probabilities(model, rows, versions, show_progress)
    predicted = {name: one.argmax(axis=1) for name, one in found.items()}
    table = _outside_table(predicted, _class_numbers(rows, classes), len(classes), rows, resamples, seed)
    return table.assign(head_share=float(np.mean(heads)))


def _outside_table(
    predicted: dict[str, np.ndarray], truth: np.ndarray, classes: int, rows: pd.DataFrame, resamples: int, seed: int
) -> pd.DataFrame:
    groups = group_numbers(rows["group"])
    enough = groups.max() > 0
    pieces = [np.ones((1, len(rows))), *(group_weights(groups, resamples=resamples, seed=seed) if enough else ())]
    measured = {
        name: [np.concatenate(one) for one in zip(*(_accuracies(truth, found, piece, classes) for piece in pieces))]
        for name, found in predicted.items()
    }
    whole_accuracy, whole_balanced, _ = measured[WHOLE]
    table = []
    for name, (right, balanced, constant) in measured.items():
        row: dict[str, Any] = {"shown": name}
        values = {
            "accuracy": right,
            "balanced_accuracy": balanced,
            "change": right - whole_accuracy,
            "share": ratio(balanced - constant, whole_balanced - constant),
        }
        for key, found in values.items():
            row |= with_interval(found[0], found[1:]).columns(key)
        table.append({**row, "constant": constant[0], "images": len(rows), "groups": int(groups.max()) + 1})
    return pd.DataFrame(table)


def _accuracies(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray, classes: int) -> tuple[np.ndarray, ...]:
    """Returns accuracy, balanced accuracy, and the balanced accuracy of a constant answer for each weighting."""
    confusion = weighted_confusion(truth, predicted, weights, classes=classes)
    there = (confusion.sum(axis=2) > 0).sum(axis=1)
    return accuracy(confusion), balanced_accuracy(confusion), 1.0 / there


def masked_probabilities(
    model: Any, rows: pd.DataFrame, versions: Versions, show_progress: bool = True
) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Lets a model answer to several versions of each image, made at the image's own size; memory stays flat.

    Args:
        model: a model of `braintumor_tf.models`, a run, or a run's directory.
        rows: rows of a manifest.
        versions: from an image, uint8 in the model's channels, and its number to its versions by name.
        show_progress: whether to show a bar.

    Returns:
        The class names, and for each version probabilities of shape ``(images, classes)``.
    """
    from braintumor_tf.explanation.subject import Subject  # imports Keras

    predictor = Subject(model).predictor
    grey, paths = predictor.channels == 1, rows["path"].tolist()
    found: dict[str, list[np.ndarray]] = {}
    for start in progress_bar(range(0, len(paths), _CHUNK), "Covering parts", show=show_progress):
        chunk: dict[str, list[np.ndarray]] = {}
        for number in range(start, min(start + _CHUNK, len(paths))):
            for name, version in versions(read_image(paths[number], grey=grey), number).items():
                chunk.setdefault(name, []).append(fit_picture(predictor, version))
        for name, images in chunk.items():
            found.setdefault(name, []).append(predictor.predict_images(np.stack(images)))
    return tuple(predictor.classes), {name: np.concatenate(parts) for name, parts in found.items()}


def _class_numbers(rows: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    strange = sorted(set(rows["label"]) - set(classes))
    if strange:
        raise ExplanationError(f"the label {strange[0]!r} is none of the model's classes {', '.join(classes)}")
    return rows["label"].map({name: number for number, name in enumerate(classes)}).to_numpy(int)
