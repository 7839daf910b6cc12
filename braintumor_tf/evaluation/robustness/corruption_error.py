"""The mean corruption error, against clean images and against a reference model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from braintumor_tf.evaluation.robustness.corruptions import CLEAN
from braintumor_tf.evaluation.robustness.draws import Draws
from braintumor_tf.evaluation.scores.group_bootstrap import with_interval
from braintumor_tf.evaluation.scores.weighted_metrics import ratio
from braintumor_tf.types import Score

Drawn = tuple[float, np.ndarray | None]
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
    errors: dict[str, list[Drawn]] = {}
    for noise in dict.fromkeys(noise for noise, _ in own.versions if noise != CLEAN):
        mine = _sums(own, noise)
        theirs = _sums(reference, noise, own) if reference is not None else None
        errors[noise] = [_divide(mine, theirs, which) for which in (0, 1)]
    means = [_mean([pair[which] for pair in errors.values()]) for which in (0, 1)]
    noises = {
        noise: NoiseErrors(with_interval(*error), with_interval(*relative))
        for noise, (error, relative) in errors.items()
    }
    return CorruptionErrors(name, with_interval(*means[0]), with_interval(*means[1]), noises)


def _sums(draws: Draws, name: str, like: Draws | None = None) -> list[Drawn]:
    """The balanced error of a noise, and what it adds to the clean one, in the mean over severities."""
    chosen = [version for version in (like or draws).versions if version[0] == name]
    value, drawn = draws.mean("balanced_accuracy", chosen)
    clean, clean_drawn = draws.of("balanced_accuracy", (CLEAN, 0))
    if drawn is None:
        return [(1 - value, None), (clean - value, None)]
    return [(1 - value, 1 - drawn), (clean - value, clean_drawn - drawn)]


def _divide(mine: list[Drawn], theirs: list[Drawn] | None, which: int) -> Drawn:
    value, drawn = mine[which]
    if theirs is None:
        return value, drawn
    below, below_drawn = theirs[which]
    if which:  # a reference that lost nothing, or gained, is no measure of loss
        below = max(below, 0.0)
        below_drawn = None if below_drawn is None else np.maximum(below_drawn, 0.0)
    return float(ratio(value, below)), None if drawn is None else ratio(drawn, below_drawn)


def _mean(parts: list[Drawn]) -> Drawn:
    drawn = [each for _, each in parts]
    return float(np.mean([value for value, _ in parts])), None if drawn[0] is None else np.mean(drawn, axis=0)
