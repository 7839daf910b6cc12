"""An Optuna study that any number of processes share: joining it, taking a trial, noticing those whose process died.

Importing this needs Optuna; `braintumor_tf.training.search` says so in one line where it is missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from braintumor_tf.errors import SearchError
from braintumor_tf.training.presets import MONITORS, rank
from braintumor_tf.training.search.heartbeat import host_name, is_dead
from braintumor_tf.training.search.sampler import SlotSampler, seed_of, slot_of
from braintumor_tf.training.search.space import WHOLE, Choice, Range
from braintumor_tf.training.search.storage import open_storage, with_retries, without_study_log

ATTEMPTS = 3
"""How often the same trial is started; one whose process dies each time counts as failed."""

_SETTINGS = "settings"
_TAKEN = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.WAITING)


class SharedStudy:
    """One search in its storage. Each trial has a slot, the same for all attempts, that decides what it draws.

    Args:
        storage: a URL of Optuna (``sqlite:///study.db``), or the path of a journal file.
        name: of the study; a storage can hold several.
        settings: what everyone who joins must agree in, as plain JSON values.
        space: the ranges.
        monitor: the validation metric, one of `MONITORS`.
        seed: decides, with a trial's slot, what is drawn for it and the trial's own seed.
        prune: whether hopeless trials are ended early.

    Raises:
        SearchError: the storage cannot be opened, or holds a search with other settings under that name.
    """

    def __init__(
        self,
        storage: str | Path,
        *,
        name: str,
        settings: Mapping[str, Any],
        space: Mapping[str, Range | Choice],
        monitor: str,
        seed: int,
        prune: bool,
    ):
        self.where = re.sub(r"//[^@/]*@", "//***@", str(storage))
        self.settings = settings
        self.space = space
        self.seed = seed
        self.monitor = monitor
        pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=3) if prune else None
        with without_study_log():
            self.study = with_retries(
                lambda: optuna.create_study(
                    storage=open_storage(storage),
                    study_name=name,
                    load_if_exists=True,
                    direction="maximize" if MONITORS[monitor] == "max" else "minimize",
                    sampler=SlotSampler(seed),
                    pruner=pruner or optuna.pruners.NopPruner(),
                ),
                self.where,
            )
        if _SETTINGS not in self.study.user_attrs:
            self.study.set_user_attr(_SETTINGS, dict(settings))
        self.check_settings()

    def check_settings(self) -> None:
        """Compares what the study was started with; asked before each trial, since two may have started it at once.

        Raises:
            SearchError: something differs; the text names it.
        """
        changed = _differences(self.study.user_attrs[_SETTINGS], self.settings)
        if changed:
            raise SearchError(
                f"{self.where}: holds a search with another {', '.join(changed)}; "
                "join it with the same, or choose another out, storage or name"
            )

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials in order, those withdrawn because others had taken the last place left out."""
        return [trial for trial in self.study.get_trials(deepcopy=False) if "surplus" not in trial.user_attrs]

    @property
    def finished(self) -> int:
        """Trials that count and are over."""
        return sum(counts(trial) and trial.state.is_finished() for trial in self.trials)

    @property
    def running(self) -> int:
        """Trials that a process is at, or that wait for one."""
        return sum(not trial.state.is_finished() for trial in self.trials)

    @property
    def best(self) -> FrozenTrial | None:
        """The finished trial with the best score, the first of equals; None before there is one."""
        complete = [trial for trial in self.trials if trial.state is TrialState.COMPLETE]
        return max(complete, key=lambda trial: rank(self.monitor, trial.value), default=None)

    def start_trial(self, trials: int) -> Trial | None:
        """Starts the next trial, if the study as a whole has had fewer than `trials`.

        Those whose process has died are marked as failed first, and put in the queue again.

        Returns:
            The trial with its values drawn, or None where all places are taken.
        """
        self.check_settings()
        for trial in self.trials:
            if trial.state is TrialState.RUNNING and is_dead(trial):
                self.requeue(trial)
        waiting = any(trial.state is TrialState.WAITING for trial in self.trials)
        if not waiting and sum(map(counts, self.trials)) >= trials:
            return None
        trial = self.study.ask()
        if sum(counts(other) for other in self.trials if other.number < trial.number) >= trials:
            trial.set_user_attr("surplus", True)  # another process took the last place at the same moment
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        trial.set_user_attr("worker", {"host": host_name(), "pid": os.getpid()})
        trial.set_user_attr("seed", seed_of(self.seed, slot_of(trial, self.study.get_trials(deepcopy=False))))
        for name, domain in self.space.items():
            _suggest(trial, name, domain)
        return trial

    def end_trial(self, trial: Trial, state: TrialState, value: float | None = None, **about: Any) -> bool:
        """Ends a trial; returns False where another process has given it up already, so that its result is dropped."""
        try:
            for key, entry in about.items():
                trial.set_user_attr(key, entry)
            self.study.tell(trial, value, state)
        except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
            return False
        return True

    def requeue(self, trial: FrozenTrial | Trial) -> None:
        """Ends a trial that was interrupted or killed, and puts it in the queue again, with the same values and seed.

        A trial that had all its `ATTEMPTS` stays failed.
        """
        try:
            self.study.tell(trial.number, state=TrialState.FAIL)
        except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
            return  # another process was quicker
        attempt = trial.user_attrs.get("attempt", 1)
        if attempt < ATTEMPTS:
            again = {"origin": trial.user_attrs.get("origin", trial.number), "attempt": attempt + 1}
            values = dict(trial.params) if set(self.space) <= set(trial.params) else {}  # {}: drawn again, the same
            self.study.enqueue_trial(values, user_attrs=again)


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial takes one of the study's places; one that was killed gives it to its next attempt."""
    if "surplus" in trial.user_attrs:
        return False
    given_up = trial.user_attrs.get("attempt", 1) >= ATTEMPTS
    return trial.state in _TAKEN or "reason" in trial.user_attrs or given_up


def _suggest(trial: Trial, name: str, domain: Range | Choice) -> Any:
    if isinstance(domain, Choice):
        return trial.suggest_categorical(name, domain.values)
    suggest = trial.suggest_int if name in WHOLE else trial.suggest_float
    return suggest(name, domain.low, domain.high, log=domain.log)


def _differences(ours: Any, theirs: Any, name: str = "") -> list[str]:
    if not (isinstance(ours, Mapping) and isinstance(theirs, Mapping)):
        return [] if ours == theirs else [name]
    found = []
    for key in sorted({*ours, *theirs}):
        found += _differences(ours.get(key), theirs.get(key), f"{name}.{key}" if name else key)
    return found
