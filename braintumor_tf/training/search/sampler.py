"""What an Optuna study draws for a trial, and when it ends one early."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import optuna
from optuna.trial import FrozenTrial, Trial

from braintumor_tf.training.presets import rank

STEPS = 10
"""Points of a training at which it is compared with others: tenths of its epochs, so that long and short ones, whose
learning rates fall at another pace, are compared at the same stage of their fall."""


class SlotSampler(optuna.samplers.BaseSampler):
    """Optuna's TPE with a generator of its own for each slot.

    One generator for all trials would start over in every process, and draw the same values in each.
    """

    def __init__(self, seed: int):
        self.seed = seed
        self._number = -1
        self._sampler: optuna.samplers.TPESampler | None = None

    def _of(self, study: optuna.Study, trial: FrozenTrial) -> optuna.samplers.TPESampler:
        if self._sampler is None or trial.number != self._number:
            slot = slot_of(trial, study.get_trials(deepcopy=False))
            self._number, self._sampler = trial.number, optuna.samplers.TPESampler(seed=seed_of(self.seed, slot))
        return self._sampler

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
        """Returns what TPE draws together."""
        return self._of(study, trial).infer_relative_search_space(study, trial)

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, Any]) -> dict[str, Any]:
        """Draws what is drawn together."""
        return self._of(study, trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """Draws one value."""
        return self._of(study, trial).sample_independent(study, trial, param_name, param_distribution)


class ReportToStudy(keras.callbacks.Callback):
    """Tells the study the best score so far at every tenth of a training, and ends it where it is below the median.

    The median is that of finished trials at the same tenth; the first five trials and the first three tenths are
    spared.

    Args:
        trial: the trial.
        monitor: one of `MONITORS`.
        epochs: of the whole training.

    Attributes:
        best: the best score so far.
        epochs_run: epochs so far.

    Raises:
        optuna.TrialPruned: out of Keras's `fit`, when the trial should end.
    """

    def __init__(self, trial: Trial, *, monitor: str, epochs: int):
        super().__init__()
        self.trial = trial
        self.monitor = monitor
        self.epochs = epochs
        self.best: float | None = None
        self.epochs_run = 0
        self._step = 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Reports and decides."""
        score = float((logs or {})[self.monitor])
        self.epochs_run = epoch + 1
        if self.best is None or rank(self.monitor, score) > rank(self.monitor, self.best):
            self.best = score
        step = STEPS * (epoch + 1) // self.epochs
        if step <= self._step:
            return
        self._step = step
        self.trial.report(self.best, step)
        if step < STEPS and self.trial.should_prune():
            raise optuna.TrialPruned(f"below the median of finished trials after {epoch + 1} epochs")


def slot_of(trial: FrozenTrial | Trial, trials: Sequence[FrozenTrial]) -> int:
    """Returns how many trials other than further attempts came before the first attempt of a trial."""
    origin = trial.user_attrs.get("origin", trial.number)
    return sum(other.number < origin and "origin" not in other.user_attrs for other in trials)


def seed_of(seed: int, slot: int) -> int:
    """Returns the seed of a slot, from 0 to under 2 ** 31."""
    return int(np.random.SeedSequence([seed, slot]).generate_state(1)[0] >> 1)
