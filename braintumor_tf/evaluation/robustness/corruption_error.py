"""The mean corruption error, against clean images and against a reference model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from braintumor_tf.evaluation.robustness.corruptions import CLEAN
from braintumor_tf.evaluation.robustness.draws import METRICS, Draws
from braintumor_tf.evaluation.scores.group_bootstrap import Drawn, difference_with_interval, with_interval
from braintumor_tf.evaluation.scores.weighted_metrics import ratio
from braintumor_tf.types import Score

Pair = tuple[float, np.ndarray | None]
"""A value, and that of each resample or None."""


@dataclass(frozen=True)
class NoiseErrors:
    """The error under one noise, and the relative one."""

    error: Score
    relative: Score


@dataclass(frozen=True)
class CorruptionErrors:
    """The mean corruption error, and the relative one.

    Attributes:
        reference: the name of the reference model; None without one.
        mean_corruption_error: the mean of the errors over the noises.
        relative_mean_corruption_error: the mean of the relative errors over the noises.
        noises: both for each noise.
    """

    reference: str | None
    mean_corruption_error: Score
    relative_mean_corruption_error: Score
    noises: Mapping[str, NoiseErrors]

    def to_dict(self) -> dict[str, Any]:
        """Returns the errors as ``robustness.json`` holds them."""
        return asdict(self)


def corruption_errors(own: Draws, reference: Draws | None = None, *, name: str | None = None) -> CorruptionErrors:
    """Returns the mean corruption error and the relative one.

    With the balanced error ``E = 1 - balanced accuracy``, for each noise over its severities ``s``:

    - error: ``sum E(s) / sum E_reference(s)``;
    - relative error: ``sum (E(s) - E(clean)) / sum (E_reference(s) - E_reference(clean))``;

    and of both the mean over the noises. Without a reference the mean over the severities takes the place of the
    ratio. Then the first is the mean balanced error under noise, and the second what noise adds to the clean one.

    Source: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
    ICLR 2019 (mCE and relative mCE, with AlexNet as reference); with the balanced error: Di Salvo, Doerrich and Ledig,
    "MedMNIST-C", arXiv:2406.17536, 2024 (BE and rBE, again with AlexNet).

    Args:
        own: scores of the model.
        reference: scores of the reference model on the same images and noises, from the same draws of groups.
        name: of the reference model.

    Returns:
        A ratio is undefined (None) where the reference made no errors, or for the relative one lost nothing under
        noise, in the mean too.
    """
    noises = list(dict.fromkeys(noise for noise, _ in own.versions if noise != CLEAN))
    number = float(own.groups[METRICS.index("balanced_accuracy")])
    if reference is None:
        found = {noise: _of_noises(own, [noise]) for noise in noises}
        return CorruptionErrors(
            name, *_of_noises(own, noises), {key: NoiseErrors(*pair) for key, pair in found.items()}
        )
    errors = {noise: _ratios(_sums(own, noise), _sums(reference, noise, own)) for noise in noises}
    means = [_mean([pair[which] for pair in errors.values()]) for which in (0, 1)]

    def scores(pair: Sequence[Pair]) -> list[Score]:
        return [with_interval(*each, groups=number, within=None) for each in pair]

    return CorruptionErrors(name, *scores(means), {key: NoiseErrors(*scores(pair)) for key, pair in errors.items()})


def _of_noises(draws: Draws, noises: Sequence[str]) -> tuple[Score, Score]:
    """The mean balanced error under some noises, and what they add to the clean one, without a reference."""
    chosen = [version for version in draws.versions if version[0] in noises]
    noisy, clean = draws.drawn("balanced_accuracy", chosen), draws.drawn("balanced_accuracy", [(CLEAN, 0)])
    drawn = None if noisy.resampled is None else 1 - noisy.resampled
    return Drawn(1 - noisy.value, drawn, noisy.groups).score(), difference_with_interval(clean, noisy)


def _sums(draws: Draws, name: str, like: Draws | None = None) -> list[Pair]:
    """The balanced error of a noise, and what it adds to the clean one, in the mean over severities."""
    chosen = [version for version in (like or draws).versions if version[0] == name]
    value, drawn = draws.mean("balanced_accuracy", chosen)
    clean, clean_drawn = draws.of("balanced_accuracy", (CLEAN, 0))
    if drawn is None:
        return [(1 - value, None), (clean - value, None)]
    return [(1 - value, 1 - drawn), (clean - value, clean_drawn - drawn)]


def _ratios(mine: list[Pair], theirs: list[Pair]) -> list[Pair]:
    (error, error_drawn), (lost, lost_drawn) = theirs
    lost = max(lost, 0.0)  # a reference that lost nothing, or gained, is no measure of loss
    lost_drawn = None if lost_drawn is None else np.maximum(lost_drawn, 0.0)
    return [
        (float(ratio(value, below)), None if drawn is None else ratio(drawn, below_drawn))
        for (value, drawn), (below, below_drawn) in zip(mine, [(error, error_drawn), (lost, lost_drawn)])
    ]


def _mean(parts: list[Pair]) -> Pair:
    drawn = [each for _, each in parts]
    return float(np.mean([value for value, _ in parts])), None if drawn[0] is None else np.mean(drawn, axis=0)
