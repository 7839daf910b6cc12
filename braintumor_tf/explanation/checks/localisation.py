"""Do explanations point at the lesion? Scores of methods against masks, beside maps that do not depend on the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, mean_scores
from braintumor_tf.evaluation.scores.proportions import proportion_scores
from braintumor_tf.explanation.checks.localised_images import CENTRE, HEAD, RANDOM, REFERENCES, localise_images
from braintumor_tf.explanation.checks.results import CheckResult, CheckRow
from braintumor_tf.identity.lesions import Mask
from braintumor_tf.types import Score

if TYPE_CHECKING:
    from braintumor_tf.explanation.subject import Model


@dataclass(frozen=True, kw_only=True)
class LocalisationRow(CheckRow):
    """How well the maps of one method point at the lesion; intervals are 95 % over groups.

    All images whose lesion is known count, rightly predicted or not, since each map is asked about the true class; the
    scores of the rightly predicted ones alone stand beside.

    Attributes:
        method: a name of `METHODS`, the name of a row that was asked for, or one of `REFERENCES`.
        reference: whether it is one of `REFERENCES`.
        pointing: share of the maps whose peak lies on the lesion (`pointing_game`), 0 to 1.
        energy: mean share of the map that lies on the lesion (`energy_inside`), 0 to 1.
        pointing_beyond_head: what `pointing` is above that of the head alone.
        energy_gain: what the energy is above that of the random map of the same image.
        energy_beyond_head: what the energy is above that of the head alone.
        pointing_beyond_centre: what `pointing` is above that of the middle of the picture.
        energy_beyond_centre: what the energy is above that of the middle of the picture.
        pointing_correct: `pointing` of the images that the model predicts correctly.
        energy_correct: `energy` of those.
        pointing_by_chance: what `pointing` is where the peak is drawn at random.
        area_share: mean share of the picture that is lesion, or its box.
        empty: maps that are 0 all over.
        images: images whose lesion is known.
        correct: those that the model predicts correctly.
        boxes: those whose lesion is known as a box and not as a mask.
        groups: groups of those images.
    """

    method: str
    reference: bool
    pointing: Score
    energy: Score
    pointing_beyond_head: Score
    energy_gain: Score
    energy_beyond_head: Score
    pointing_beyond_centre: Score
    energy_beyond_centre: Score
    pointing_correct: Score
    energy_correct: Score
    pointing_by_chance: float
    area_share: float
    empty: int
    images: int
    correct: int
    boxes: int
    groups: int


def localisation_check(
    model: Model,
    manifest: pd.DataFrame,
    *,
    masks: Sequence[Mask | None] | None = None,
    methods: Sequence[str] | Mapping[str, Mapping[str, Any]] | None = None,
    tolerance: float | None = None,
    batch_size: int = 16,
    seed: int = 0,
    resamples: int = 1000,
    show_progress: bool = True,
) -> CheckResult[LocalisationRow]:
    """Scores explanation methods against lesions, beside the maps of `REFERENCES`.

    Each method is asked about the class that the label says. Images are read, explained and scored a few at a time. A
    lesion is known by a mask, or by a box of the manifest (``lesion_box``). Boxes belong to the whole picture, as maps
    do, whatever crop or size the model sees.

    Args:
        model: as for `explain`.
        manifest: the images; those whose lesion is not known are left out.
        masks: files, arrays or boxes, one for each row of the manifest, None for an image without; None finds the masks
            of synthetic images and the boxes of the manifest (`find_masks`).
        methods: names of `METHODS`, or a name for each row of the table with the arguments of `explain` that make its
            maps, such as ``{"block 3": {"method": "grad_cam", "layer": "block_3_relu_2"}}``; None for all methods that
            fit the model.
        tolerance: of the pointing game; None for `TOLERANCE` beside a mask and none beside a box, which holds more than
            the lesion.
        batch_size: as for `explain`.
        seed: of the random maps and the resamples.
        resamples: of the intervals.
        show_progress: whether to show bars.

    Returns:
        One row a method, references last.

    Raises:
        ExplanationError: no lesion is known, a method is unknown or does not fit, a mask does not fit its image.

    Example:
        >>> found = localisation_check("models/cnn", run.manifest, methods=["grad_cam"])  # doctest: +SKIP
        >>> print(found["grad_cam"].energy)  # doctest: +SKIP
        0.02 (0.01-0.03)
    """
    table = localise_images(
        model,
        manifest,
        masks=masks,
        methods=methods,
        tolerance=tolerance,
        batch_size=batch_size,
        seed=seed,
        show_progress=show_progress,
    )
    return summarise_localisation(table, resamples=resamples, seed=seed)


def summarise_localisation(
    table: pd.DataFrame, *, resamples: int = 1000, seed: int = 0
) -> CheckResult[LocalisationRow]:
    """Returns what `localisation_check` does, from the scores of the images or of a part of them.

    Args:
        table: of `localise_images`, or the rows of some of its images, the references among the methods.
        resamples: of the intervals.
        seed: of the resamples.

    Example:
        >>> table = localise_images("models/cnn", run.manifest)  # doctest: +SKIP
        >>> summarise_localisation(table[table["label"] == "glioma"])["occlusion"].energy  # doctest: +SKIP
    """
    parts = {name: part.reset_index(drop=True) for name, part in table.groupby("method", sort=False)}
    return CheckResult(tuple(_row(name, parts, resamples=resamples, seed=seed) for name in parts))


def _row(name: str, parts: Mapping[str, pd.DataFrame], *, resamples: int, seed: int) -> LocalisationRow:
    found, groups = parts[name], group_numbers(parts[name]["group"])
    columns = {
        "pointing": found["pointing"],
        "energy": found["energy"],
        "pointing_beyond_head": found["pointing"] - parts[HEAD]["pointing"],
        "energy_gain": found["energy"] - parts[RANDOM]["energy"],
        "energy_beyond_head": found["energy"] - parts[HEAD]["energy"],
        "pointing_beyond_centre": found["pointing"] - parts[CENTRE]["pointing"],
        "energy_beyond_centre": found["energy"] - parts[CENTRE]["energy"],
    }
    itself = {"energy_gain": name == RANDOM}
    for beside, reference in (("head", HEAD), ("centre", CENTRE)):
        itself |= {f"{score}_beyond_{beside}": name == reference for score in ("pointing", "energy")}
    within = {key: (0.0, 0.0) if fixed else (-1.0, 1.0) for key, fixed in itself.items()}
    correct = {f"{key}_correct": (found[key], found["correct"]) for key in ("pointing", "energy")}
    return LocalisationRow(
        method=name,
        reference=name in REFERENCES,
        **mean_scores(columns, groups, within=within, resamples=resamples, seed=seed),
        **proportion_scores(correct, groups),
        pointing_by_chance=float(found["pointing_by_chance"].mean()),
        area_share=float(found["area_share"].mean()),
        empty=int(found["empty"].sum()),
        images=len(found),
        correct=int(found["correct"].sum()),
        boxes=int(found["box"].sum()),
        groups=int(groups.max()) + 1,
    )
