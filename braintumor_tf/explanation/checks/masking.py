"""Does the model need the lesion? The true class's probability with and without the lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from braintumor_tf.datasets.head_crop import head_mask
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, mean_scores
from braintumor_tf.explanation.checks.covered_images import class_numbers, masked_probabilities
from braintumor_tf.explanation.checks.masks import (
    border_mask,
    cover,
    grow,
    place_elsewhere,
    with_masks,
)
from braintumor_tf.explanation.checks.results import CheckResult, CheckRow
from braintumor_tf.identity.lesions import Mask, read_mask
from braintumor_tf.types import Score

if TYPE_CHECKING:
    from braintumor_tf.explanation.subject import Model

MARGIN = 0.03
"""How far beyond a lesion's mask its cover reaches, as a share of the longer side: tissue around it may be changed."""


@dataclass(frozen=True, kw_only=True)
class MaskingRow(CheckRow):
    """What the true class loses where a part of each image is covered; intervals are 95 % over groups.

    Attributes:
        masked: what is covered: ``nothing``, ``lesion``, ``elsewhere`` (as much of the head) or ``border``.
        probability: of the true class, 0 to 1.
        drop: of that probability, from ``nothing``.
        beyond_elsewhere: the drop minus that of ``elsewhere``.
        accuracy: 0 to 1.
        images: images whose lesion is known.
        groups: groups of those images.
    """

    masked: str
    probability: Score
    drop: Score
    beyond_elsewhere: Score
    accuracy: float
    images: int
    groups: int


def lesion_versions(
    image: np.ndarray, mask: Mask, *, margin: float = MARGIN, generator: np.random.Generator | None = None
) -> dict[str, np.ndarray]:
    """Returns an image as it is and with its lesion, as much of the head elsewhere, or the border covered.

    Args:
        image: uint8, shape ``(height, width)`` or ``(height, width, 3)``.
        mask: of the lesion, an image file, an array or a box.
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
        "border": cover(image, border_mask(image.shape) & ~lesion, fill=0),
    }


def masking_check(
    model: Model,
    manifest: pd.DataFrame,
    *,
    masks: Sequence[Mask | None] | None = None,
    margin: float = MARGIN,
    seed: int = 0,
    resamples: int = 1000,
    show_progress: bool = True,
) -> CheckResult[MaskingRow]:
    """Covers the lesion, as much of the head elsewhere, and the border, and measures what the true class loses.

    Lesion and control are covered by continuing their surroundings, the border strip by black. A model that looks at
    the lesion loses probability where that is covered, more than for the control, and does not for the border.

    Args:
        model: a model of `braintumor_tf.models`, a run, or a run's directory.
        manifest: the images; those whose lesion is not known are left out.
        masks: files, arrays or boxes, one for each row of the manifest, None for an image without; None finds the masks
            of synthetic images and the boxes of the manifest (`find_masks`).
        margin: how far beyond the mask or box the cover reaches, as a share of the longer side.
        seed: of the places of the control and the resamples.
        resamples: of the intervals.
        show_progress: whether to show a bar.

    Returns:
        The rows ``nothing``, ``lesion``, ``elsewhere`` and ``border``.

    Raises:
        ExplanationError: no lesion is known, a label is not a class of the model, or a mask does not fit its image.

    Example:
        >>> print(masking_check("models/cnn", run.manifest)["lesion"].drop)  # doctest: +SKIP
        0.62 (0.46-0.77)
    """
    rows, masks = with_masks(manifest, masks)

    def versions(image: np.ndarray, number: int) -> dict[str, np.ndarray]:
        return lesion_versions(image, masks[number], margin=margin, generator=np.random.default_rng([seed, number]))

    classes, found = masked_probabilities(model, rows, versions, show_progress=show_progress)
    truth, groups = class_numbers(rows, classes), group_numbers(rows["group"])
    true_class = {name: one[np.arange(len(rows)), truth] for name, one in found.items()}
    nothing, elsewhere = true_class["nothing"], true_class["elsewhere"]
    result = []
    for name, one in true_class.items():
        drop = nothing - one
        columns = {"probability": one, "drop": drop, "beyond_elsewhere": drop - (nothing - elsewhere)}
        itself = {"drop": name == "nothing", "beyond_elsewhere": name == "elsewhere"}
        within = {key: (0.0, 0.0) if fixed else (-1.0, 1.0) for key, fixed in itself.items()}
        row = MaskingRow(
            masked=name,
            **mean_scores(columns, groups, within=within, resamples=resamples, seed=seed),
            accuracy=float((found[name].argmax(axis=1) == truth).mean()),
            images=len(rows),
            groups=int(groups.max()) + 1,
        )
        result.append(row)
    return CheckResult(tuple(result))
