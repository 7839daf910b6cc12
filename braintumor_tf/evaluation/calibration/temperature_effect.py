"""What a temperature did to probabilities that it was not fitted on: whether it made their calibration worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.evaluation.calibration.calibration_error import (
    BINS,
    EQUAL_MASS,
    EQUAL_WIDTH,
    brier_scores,
    expected_calibration_error,
    log_losses,
    truth_and_probabilities,
)
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, group_weights, mean_scores, with_interval
from braintumor_tf.evaluation.scores.judgement import BETTER, NOT_TOLD_APART, WORSE, judge, unpaired_difference
from braintumor_tf.evaluation.scores.proportions import effective_groups
from braintumor_tf.types import Score

JUDGED = ("expected_calibration_error", "brier_score", "negative_log_likelihood")
"""The scores that say whether a temperature made calibration worse; of all of them less is better."""

_BINNINGS = {"expected_calibration_error": EQUAL_WIDTH, "adaptive_calibration_error": EQUAL_MASS}
_NAMES = (*_BINNINGS, "brier_score", "negative_log_likelihood")


@dataclass(frozen=True)
class TemperatureEffect:
    """What a temperature did on test images.

    Attributes:
        changes: of each score of calibration, with the temperature less without; more is worse.
    """

    changes: Mapping[str, Score]

    @property
    def larger(self) -> tuple[str, ...]:
        """Those of `JUDGED` that are larger with the temperature than without."""
        return tuple(name for name in JUDGED if (self.changes[name].value or 0.0) > 0)

    @property
    def worse(self) -> tuple[str, ...]:
        """Those of `larger` whose interval leaves 0 out."""
        return tuple(name for name in self.larger if judge(self.changes[name]).outcome == BETTER)  # more of an error

    @property
    def outcome(self) -> str:
        """Calibration with the temperature beside that without it.

        `WORSE` where one of the scores is, else `BETTER` where one of them is, else `NOT_TOLD_APART`.
        """
        if self.worse:
            return WORSE
        found = {judge(self.changes[name]).outcome for name in JUDGED}
        return BETTER if WORSE in found else NOT_TOLD_APART  # less of an error


def effect_on_test(calibration: Mapping[str, Any]) -> TemperatureEffect:
    """Returns what the temperature of a run did on its test images.

    Args:
        calibration: as in ``calibration.json``. Where an earlier version wrote it, without paired intervals, the
            intervals are the wider ones of `unpaired_difference`.

    Example:
        >>> before, after = ({name: Score(value).to_dict() for name in JUDGED} for value in (0.1, 0.2))
        >>> effect_on_test({"scores": {"before": before, "after": after}}).larger == JUDGED
        True
    """
    if "changes" in calibration:
        return TemperatureEffect({name: Score.from_dict(each) for name, each in calibration["changes"].items()})
    before, after = calibration["scores"]["before"], calibration["scores"]["after"]
    both = {name: (Score.from_dict(after[name]), Score.from_dict(before[name])) for name in after if name in _NAMES}
    return TemperatureEffect({name: unpaired_difference(*pair) for name, pair in both.items()})


def measure_changes(
    before: pd.DataFrame,
    after: pd.DataFrame,
    classes: Sequence[str],
    *,
    bins: int = BINS,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Score]:
    """Measures what a temperature changed, with paired intervals: each resample draws the same groups for both.

    Intervals of the two calibration errors are taken from resamples that are mirrored at the value, because
    resampling pushes a small error further up than a large one.

    Args:
        before: predictions of test images without the temperature.
        after: the same with it.
        classes: class names in order.
        bins: bins of confidence.
        resamples: of the intervals.
        seed: of the resamples.

    Returns:
        Of each score, the one after less the one before.

    Raises:
        EvaluationError: labels or columns do not fit the classes, or there is no row.
    """
    groups = group_numbers(before["group"])
    truth, *found = truth_and_probabilities(before, classes)
    found += truth_and_probabilities(after, classes)[1:]
    means = {"brier_score": brier_scores, "negative_log_likelihood": log_losses}
    columns = {name: loss(truth, found[1]) - loss(truth, found[0]) for name, loss in means.items()}
    fixed = (0.0, 0.0) if np.array_equal(*found) else None  # a temperature of 1 changes nothing, on whatever images
    ends = {"brier_score": fixed or (-2.0, 2.0), "negative_log_likelihood": fixed}
    changes = mean_scores(columns, groups, within=ends, resamples=resamples, seed=seed)

    def error_changes(weights: np.ndarray | None) -> np.ndarray:
        errors = [
            [
                expected_calibration_error(
                    each.argmax(axis=1) == truth, each.max(axis=1), bins=bins, binning=binning, weights=weights
                )
                for each in found
            ]
            for binning in _BINNINGS.values()
        ]
        return np.stack([with_it - without for without, with_it in errors])

    weightings = group_weights(groups, resamples=resamples if groups.max() else 0, seed=seed)
    pieces = [error_changes(weights) for weights in weightings]
    drawn = np.concatenate(pieces, axis=1) if pieces else [None, None]
    for name, value, draws in zip(_BINNINGS, error_changes(None)[:, 0], drawn):
        turned = None if draws is None else 2 * value - draws
        changes[name] = with_interval(value, turned, groups=effective_groups(groups), within=fixed)
    return {name: changes[name] for name in _NAMES}
