"""Does a score come from outside the head? The model is scored on images of which only a part is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from braintumor_tf.datasets.head_crop import head_mask
from braintumor_tf.errors import ExplanationError
from braintumor_tf.evaluation.scores.group_bootstrap import (
    Drawn,
    difference_with_interval,
    group_numbers,
    group_weights,
    with_interval,
)
from braintumor_tf.evaluation.scores.proportions import label_score_groups
from braintumor_tf.evaluation.scores.weighted_metrics import accuracy, balanced_accuracy, ratio, weighted_confusion
from braintumor_tf.explanation.checks.covered_images import class_numbers, masked_probabilities
from braintumor_tf.explanation.checks.masks import border_mask, cover
from braintumor_tf.explanation.checks.results import CheckResult, CheckRow
from braintumor_tf.types import Score

if TYPE_CHECKING:
    from braintumor_tf.explanation.subject import Model

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


@dataclass(frozen=True, kw_only=True)
class OutsideRow(CheckRow):
    """The scores of a model that was shown a part of each image; intervals are 95 % over groups.

    Attributes:
        shown: a key of `SHOWN`.
        accuracy: 0 to 1.
        balanced_accuracy: 0 to 1.
        change: of accuracy, from the whole image.
        share: of what balanced accuracy has above a constant prediction: 1 for the whole image, 0 for no better than
            always predicting the same class.
        constant: balanced accuracy of always predicting the same class.
        images: images that were shown.
        groups: groups of those images.
        head_share: mean share of the picture that is head.
    """

    shown: str
    accuracy: Score
    balanced_accuracy: Score
    change: Score
    share: Score
    constant: float
    images: int
    groups: int
    head_share: float


def outside_versions(image: np.ndarray, *, head: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Returns an image under each entry of `SHOWN`.

    Args:
        image: uint8, shape ``(height, width)`` or ``(height, width, 3)``.
        head: its `head_mask`; None to find it.
    """
    head = head_mask(image) if head is None else head
    return {
        WHOLE: image,
        WITHOUT_BORDER: cover(image, border_mask(image.shape), fill=0),
        WITHOUT_BACKGROUND: cover(image, ~head, fill=0),
        OUTLINE: cover(image, head, fill=float(image[head].mean())),
        BACKGROUND: cover(image, head, fill=0),
    }


def outside_check(
    model: Model,
    manifest: pd.DataFrame,
    *,
    split: str | None = "test",
    seed: int = 0,
    resamples: int = 1000,
    show_progress: bool = True,
) -> CheckResult[OutsideRow]:
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
        One row for each entry of `SHOWN`.

    Raises:
        ExplanationError: no image is in that split, or a label is not a class of the model.

    Example:
        >>> print(outside_check("models/cnn", run.manifest)["background alone"].accuracy)  # doctest: +SKIP
        0.31 (0.25-0.38)
    """
    rows = manifest if split is None else manifest[manifest["split"] == split]
    if rows.empty:
        raise ExplanationError(f"no image is in the split {split!r}; split the manifest first (leakage.split)")
    heads: list[float] = []

    def versions(image: np.ndarray, number: int) -> dict[str, np.ndarray]:
        head = head_mask(image)
        heads.append(float(head.mean()))
        return outside_versions(image, head=head)

    classes, found = masked_probabilities(model, rows, versions, show_progress=show_progress)
    truth, groups = class_numbers(rows, classes), group_numbers(rows["group"])
    pieces = [np.ones((1, len(rows)))]
    if groups.max() > 0:
        pieces += group_weights(groups, resamples=resamples, seed=seed)
    measured = {name: _accuracies(truth, one.argmax(axis=1), pieces, len(classes)) for name, one in found.items()}
    independent, result = label_score_groups(truth, groups, classes=len(classes)), []
    for name, (right, balanced, constant) in measured.items():
        one, mean = _drawn(right, independent["accuracy"]), _drawn(balanced, independent["balanced_accuracy"])
        share = ratio(balanced - constant, measured[WHOLE][1] - constant)
        change = difference_with_interval(one, _drawn(measured[WHOLE][0], one.groups))
        row = OutsideRow(
            shown=name,
            accuracy=one.score(),
            balanced_accuracy=mean.score(),
            change=Score(0.0, 0.0, 0.0) if name == WHOLE else change,
            share=with_interval(share[0], share[1:], groups=mean.groups, within=(1.0, 1.0) if name == WHOLE else None),
            constant=float(constant[0]),
            images=len(rows),
            groups=int(groups.max()) + 1,
            head_share=float(np.mean(heads)),
        )
        result.append(row)
    return CheckResult(tuple(result))


def _drawn(values: np.ndarray, groups: float) -> Drawn:
    return Drawn(float(values[0]), values[1:] if len(values) > 1 else None, groups)


def _accuracies(
    truth: np.ndarray, predicted: np.ndarray, weights: Sequence[np.ndarray], classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns accuracy, balanced accuracy, and the balanced accuracy of a constant prediction for each weighting."""
    found = []
    for piece in weights:
        confusion = weighted_confusion(truth, predicted, piece, classes=classes)
        there = (confusion.sum(axis=2) > 0).sum(axis=1)
        found.append((accuracy(confusion), balanced_accuracy(confusion), 1.0 / there))
    return tuple(np.concatenate(parts) for parts in zip(*found))
