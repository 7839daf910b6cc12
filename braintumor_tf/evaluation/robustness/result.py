"""What a model made of the same images clean and under noise, and every score that follows from it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.robustness.corruption_error import CorruptionErrors, corruption_errors
from braintumor_tf.evaluation.robustness.corruptions import CLEAN
from braintumor_tf.evaluation.robustness.draws import Draws, draw_scores, loss_table, mean_loss, score_table
from braintumor_tf.evaluation.scores.group_bootstrap import Resampling, group_numbers
from braintumor_tf.files import comparable_json
from braintumor_tf.types import Score


@dataclass(frozen=True, eq=False)
class Robustness:
    """What a model made of the same images clean and under noise; every number comes from `predictions`.

    Attributes:
        name: of the run or the model; ``dataclasses.replace(found, name="…")`` gives another.
        classes: class names in order.
        predictions: the columns of ``predictions.csv``, and `noise` and `severity`, 1 to 5; the images as they are have
            ``"clean"`` and 0.
        settings: ``seed``, ``size`` (height and width of the picture that is corrupted), ``resamples``, and ``noises``,
            a list of name, severity and the noise model's settings.
    """

    name: str
    classes: tuple[str, ...]
    predictions: pd.DataFrame
    settings: Mapping[str, Any]

    @functools.cached_property
    def draws(self) -> Draws:
        """The scores of the images and of each resample, behind all intervals."""
        return draw_scores(
            self.predictions, self.classes, resamples=self.settings["resamples"], seed=self.settings["seed"]
        )

    @functools.cached_property
    def table(self) -> pd.DataFrame:
        """Columns noise, severity, metric (accuracy, balanced_accuracy, macro_f1), value, low, high; clean first.

        The ends are those of a 95 % interval over groups, NaN where undefined.
        """
        return score_table(self.draws)

    @functools.cached_property
    def losses(self) -> pd.DataFrame:
        """Columns noise, severity, value, low, high: macro-F1 on clean images less that under noise.

        The interval is paired: each resample draws the same groups for both.
        """
        return loss_table(self.draws)

    def mean_loss(self, noises: Sequence[str] | None = None, *, severities: Sequence[int] | None = None) -> Score:
        """Returns the mean loss of macro-F1 against clean over some noises and severities, with its paired interval.

        Args:
            noises: names in `losses`; None for all.
            severities: None for all.

        Raises:
            EvaluationError: no such noise and severity was scored.

        Example:
            >>> print(found.mean_loss(["gaussian", "speckle"], severities=[3]))  # doctest: +SKIP
            0.02 (0.00-0.04)
        """
        chosen = [
            (name, severity)
            for name, severity in self.draws.versions[1:]
            if (noises is None or name in noises) and (severities is None or severity in severities)
        ]
        if not chosen:
            raise EvaluationError(f"noises {noises} were not scored at severity {severities}; give some of the table")
        return mean_loss(self.draws, chosen)

    def mean_corruption_error(self, reference: Robustness | None = None) -> CorruptionErrors:
        """Returns the mean corruption error, and the relative one, of MedMNIST-C.

        For each noise the balanced error (1 - balanced accuracy), summed over the severities, is divided by the
        reference model's; the mean over the noises is the mean corruption error, 1 for a model as bad as the reference.
        The relative one does the same with what the noise adds to the error on clean images. Without a reference
        nothing is divided: the mean balanced error under noise, and what noise adds to it on average.

        Source: Di Salvo et al., "MedMNIST-C", arXiv:2406.17536, 2024, after Hendrycks and Dietterich, ICLR 2019; there
        the reference is AlexNet.

        Args:
            reference: what another model made of the same images under the same noise.

        Raises:
            EvaluationError: the reference has no name, or other images, labels, groups, classes or noise.
        """
        if reference is None:
            return corruption_errors(self.draws)
        self._refuse_another(reference)
        theirs = draw_scores(
            reference.predictions, self.classes, resamples=self.settings["resamples"], seed=self.settings["seed"]
        )
        return corruption_errors(self.draws, theirs, name=reference.name)

    def to_dict(self) -> dict[str, Any]:
        """Returns everything but the predictions as plain values: what ``robustness.json`` holds."""
        clean = self._clean()
        return {
            "name": self.name,
            "classes": list(self.classes),
            "images": len(clean),
            "groups": int(group_numbers(clean["group"]).max()) + 1,
            "interval": Resampling(self.settings["resamples"], self.settings["seed"]).to_dict(),
            "settings": dict(self.settings),
            "table": self.table.to_dict("records"),
            "losses": self.losses.to_dict("records"),
            "mean_loss": self.mean_loss().to_dict(),
            "mean_losses": {name: self.mean_loss([name]).to_dict() for name in self.losses["noise"].unique()},
            "mean_corruption_error": self.mean_corruption_error().to_dict(),
        }

    def _clean(self) -> pd.DataFrame:
        return self.predictions[self.predictions["noise"] == CLEAN].reset_index(drop=True)

    def _refuse_another(self, reference: Robustness) -> None:
        if not reference.name:
            raise EvaluationError("the reference has no name; give it one: dataclasses.replace(reference, name='…')")
        columns = ["path", "label", "group"]
        if not self._clean()[columns].equals(reference._clean()[columns]) or self.classes != reference.classes:
            raise EvaluationError(
                f"{reference.name} was scored on other images, labels, groups or classes than {self.name}; "
                "only models scored on the same manifest can be compared"
            )
        mine, theirs = self.settings, reference.settings
        known = {comparable_json(noise) for noise in theirs["noises"]}
        lacking = [noise for noise in mine["noises"] if comparable_json(noise) not in known]
        if lacking or any(comparable_json(mine[key]) != comparable_json(theirs[key]) for key in ("seed", "size")):
            raise EvaluationError(
                f"{reference.name} was scored under other noise than {self.name}; use the same noises, severities, "
                "seed and size for both"
            )
