"""What a leak ladder found: the scores of a model and of the shortcut baselines on each rung."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.leakage.rungs import SplitLeaks
from braintumor_tf.types import Score

MODEL = "model"
"""The row of the model; the others are shortcut baselines by their names."""

METRICS = ("accuracy", "macro_f1")

GROUPS_INTERVAL = "95 % over groups"
SEEDS_INTERVAL = "95 % over seeds and groups"
SEEDS_RANGE = "least and largest over seeds"
"""What the ends of a score are."""


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One rung of a ladder.

    Attributes:
        name: of `leakage.RUNGS`.
        run: the name of its run's directory; that of another rung where both have the same split.
        leaks: what its test images share with its training images, summed over the seeds.
        scores: for the row ``model`` and each shortcut baseline, ``accuracy`` and ``macro_f1``.
    """

    name: str
    run: str
    leaks: SplitLeaks
    scores: Mapping[str, Mapping[str, Score]]

    def to_dict(self) -> dict[str, Any]:
        """Returns the rung as it stands in ``ladder.json``."""
        scores = {row: {name: each.to_dict() for name, each in found.items()} for row, found in self.scores.items()}
        return {"name": self.name, "run": self.run, "test": self.leaks.to_dict(), "scores": scores}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Rung:
        """Returns the rung that `to_dict` wrote."""
        scores = {
            row: {name: Score.from_dict(each) for name, each in of_row.items()}
            for row, of_row in found["scores"].items()
        }
        leaks = SplitLeaks(**{field.name: found["test"][field.name] for field in fields(SplitLeaks)})
        return cls(name=found["name"], run=found["run"], leaks=leaks, scores=scores)


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """A leak ladder: one model and the shortcut baselines, scored under three ways of making groups.

    Attributes:
        model: the model's name.
        seeds: of the splits and trainings; several where ladders were combined.
        images: of the data set.
        patients: known patients.
        known_patients: images whose patient is known.
        rungs: from the one that leaks most to the one that leaks least.
        interval: what the ends of its scores are.
        single: the ladders of single seeds that this one combines.
    """

    model: str
    seeds: tuple[int, ...]
    images: int
    patients: int
    known_patients: int
    rungs: tuple[Rung, ...]
    interval: str = GROUPS_INTERVAL
    single: tuple[Ladder, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the ladder as ``ladder.json`` holds it."""
        return {
            "model": self.model,
            "seeds": list(self.seeds),
            "images": self.images,
            "patients": self.patients,
            "known_patients": self.known_patients,
            "interval": self.interval,
            "rungs": [rung.to_dict() for rung in self.rungs],
            "single": [ladder.to_dict() for ladder in self.single],
        }

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Ladder:
        """Returns the ladder that `to_dict` wrote."""
        same = ("model", "images", "patients", "known_patients", "interval")
        return cls(
            **{name: found[name] for name in same},
            seeds=tuple(found["seeds"]),
            rungs=tuple(map(Rung.from_dict, found["rungs"])),
            single=tuple(map(cls.from_dict, found["single"])),
        )

    @property
    def rows(self) -> list[str]:
        """The rows of its table: the model, and the shortcut baselines in their order."""
        return list(self.rungs[0].scores)

    def table(self) -> pd.DataFrame:
        """Returns every score of every rung.

        Returns:
            One row a rung, a row of the ladder and a score; columns `rung`, `row`, `score`, `value`, `low`, `high`, and
            the counts of `leakage.SplitLeaks`. It is ``ladder.csv``.
        """
        rows = [
            {"rung": rung.name, "row": row, "score": name, **each.to_dict(), **rung.leaks.to_dict()}
            for rung in self.rungs
            for row, of_row in rung.scores.items()
            for name, each in of_row.items()
        ]
        return pd.DataFrame(rows)


Scores = Mapping[str, Mapping[str, Score]]
"""The scores of each row."""


def combine_ladders(ladders: Sequence[Ladder], *, means: Mapping[str, Scores] | None = None) -> Ladder:
    """Returns the mean of ladders of one model on one data set over several seeds.

    Args:
        ladders: of single seeds, with the same rungs and rows.
        means: for each rung the means with intervals over seeds and groups (`evaluation.scores.seeds.seed_means`),
            which need the predictions; `run_ladder` has them.

    Returns:
        A ladder whose scores are means. Without `means` their ends are the least and the largest single seed: the
        intervals of single seeds do not hold the spread of trainings. Counts of test images are summed. One ladder
        alone is returned as it is.

    Raises:
        EvaluationError: there is none, a seed occurs twice, or they differ in model, images, rungs or rows.

    Example:
        >>> leaks = SplitLeaks(images=10, groups=5, near_duplicates=0, known_patients=0, same_patient=0)
        >>> rungs = [Rung(name="patient", run="patient", leaks=leaks, scores={"model": {"accuracy": Score(value)}})
        ...          for value in (0.5, 0.7)]
        >>> same = {"model": "CNN", "images": 60, "patients": 0, "known_patients": 0}
        >>> both = combine_ladders([Ladder(seeds=(seed,), rungs=(rung,), **same) for seed, rung in enumerate(rungs)])
        >>> print(both.rungs[0].scores["model"]["accuracy"], both.rungs[0].leaks.images)
        0.60 (0.50-0.70) 20
    """
    if not ladders:
        raise EvaluationError("no ladder was given; combine at least one")
    first = ladders[0]
    if len(ladders) == 1:
        return first
    for other in ladders[1:]:
        same = ("model", "images", "patients", "known_patients", "rows")
        changed = [name for name in same if getattr(other, name) != getattr(first, name)]
        changed += ["rungs"] * ([rung.name for rung in other.rungs] != [rung.name for rung in first.rungs])
        if changed:
            raise EvaluationError(
                f"ladders with other {', '.join(changed)} cannot be combined; give seeds of one ladder"
            )
    seeds = tuple(seed for ladder in ladders for seed in ladder.seeds)
    if len(set(seeds)) < len(seeds):
        raise EvaluationError(f"a seed occurs twice among {', '.join(map(str, seeds))}; give each ladder once")
    rungs = [_mean_rung([ladder.rungs[place] for ladder in ladders]) for place in range(len(first.rungs))]
    if means is not None:
        rungs = [replace(rung, scores=means[rung.name]) for rung in rungs]
    return Ladder(
        model=first.model,
        seeds=seeds,
        images=first.images,
        patients=first.patients,
        known_patients=first.known_patients,
        rungs=tuple(rungs),
        interval=SEEDS_RANGE if means is None else SEEDS_INTERVAL,
        single=tuple(ladders),
    )


def _mean_rung(rungs: Sequence[Rung]) -> Rung:
    counts = [rung.leaks.to_dict() for rung in rungs]
    first = rungs[0]
    return Rung(
        name=first.name,
        run=first.run,
        leaks=SplitLeaks(**{name: sum(each[name] for each in counts) for name in counts[0]}),
        scores={
            row: {name: _mean([rung.scores[row][name] for rung in rungs]) for name in of_row}
            for row, of_row in first.scores.items()
        },
    )


def _mean(scores: Sequence[Score]) -> Score:
    values = [score.value for score in scores]
    if None in values:
        return Score(None)
    return Score(float(np.mean(values)), min(values), max(values))
