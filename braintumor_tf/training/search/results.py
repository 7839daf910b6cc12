"""What a hyperparameter search has found: a table of its trials, and the best settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.augment.noise import describe
from braintumor_tf.errors import SearchError
from braintumor_tf.files import write_csv, write_json
from braintumor_tf.training.presets import Preset
from braintumor_tf.training.search.plan import Plan
from braintumor_tf.training.search.space import Choice, Range, space_as_dict
from braintumor_tf.types import ModelConfig

STATES = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}
"""Optuna's words for what became of a trial, and those of ``trials.csv``."""


@dataclass(frozen=True)
class Search:
    """What a search has found.

    Attributes:
        path: its folder: ``trials.csv``, ``best.json`` (the best preset), ``search.json``.
        trials: one row a trial: trial (its number), state (``finished``, ``pruned``, ``failed``, ``killed``,
            ``running`` or ``waiting``), score (on validation; of a pruned trial the best until then), a column for
            each searched parameter, best_epoch, epochs_run, seconds, seed, attempt, started (UTC), host, reason.
        monitor: the validation metric that is the score.
        space: the ranges that were searched.
        number: the best trial.
        score: its score.
        arguments: the arguments of `run_experiment` that reproduce it: the fields of `ModelConfig`, preset and noise.
    """

    path: Path
    trials: pd.DataFrame
    monitor: str
    space: Mapping[str, Range | Choice]
    number: int
    score: float
    arguments: dict[str, Any]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of what was searched."""
        return tuple(self.space)

    @property
    def preset(self) -> Preset:
        """The best preset."""
        return self.arguments["preset"]

    @property
    def dropout(self) -> float:
        """The best dropout."""
        return self.arguments["dropout"]

    @property
    def seed(self) -> int:
        """The seed of the best trial."""
        return self.arguments["seed"]

    def to_dict(self) -> dict[str, Any]:
        """Returns what stands in ``search.json``; the preset, without which it is not complete, is ``best.json``."""
        noise = self.arguments["noise"]
        return {
            "trial": self.number,
            "monitor": self.monitor,
            "score": self.score,
            "trials": len(self.trials),
            **{name: self.arguments[name] for name in ModelConfig.names()},
            "noise": None if noise is None else describe(noise),
            "space": space_as_dict(self.space),
        }


def trial_table(study: Any, plan: Plan) -> pd.DataFrame:
    """Returns the trials of a study as `Search.trials`."""
    columns = ["trial", "state", "score", *plan.space, "best_epoch", "epochs_run", "seconds", "seed", "attempt"]
    rows = []
    for trial in study.trials:
        about = trial.user_attrs
        killed = trial.state.name == "FAIL" and "reason" not in about
        started = trial.datetime_start
        rows.append(
            {
                **{key: about.get(key) for key in ("best_epoch", "epochs_run", "seconds", "seed", "reason")},
                **{name: trial.params.get(name) for name in plan.space},
                "trial": trial.number,
                "state": "killed" if killed else STATES[trial.state.name],
                "score": trial.value,
                "attempt": about.get("attempt", 1),
                "started": None
                if started is None
                else pd.Timestamp(started.timestamp(), unit="s").isoformat("T", "seconds"),
                "host": about.get("worker", {}).get("host", "").split(" ")[0],
            }
        )
    table = pd.DataFrame(rows, columns=[*columns, "started", "host", "reason"])
    whole = [name for name in ("best_epoch", "epochs_run", "seed") if table[name].notna().any()]
    return table.astype(dict.fromkeys(whole, "Int64"))


def write_search(study: Any, plan: Plan, out: Path) -> None:
    """Writes ``trials.csv`` and, once a trial has finished, ``best.json`` and ``search.json``, each atomically."""
    write_csv(out / "trials.csv", trial_table(study, plan))
    if study.best is not None:
        found = read_search(study, plan, out)
        write_json(out / "best.json", found.preset.to_dict())
        write_json(out / "search.json", found.to_dict())


def read_search(study: Any, plan: Plan, out: Path) -> Search:
    """Returns what a study has found.

    Raises:
        SearchError: no trial has finished.
    """
    table, best = trial_table(study, plan), study.best
    if best is None:
        reasons = [reason for reason in table["reason"] if isinstance(reason, str)]
        why = f"the last one: {reasons[-1]}" if reasons else "they were killed"
        raise SearchError(f"{out}: none of {len(table)} trials finished; {why}")
    arguments = plan.arguments(best.params, best.user_attrs["seed"])
    return Search(out, table, plan.preset.monitor, plan.space, best.number, best.value, arguments)
