"""Comparing runs that were tested on the same images: a leaderboard, paired tests, and what each model costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.errors import EvaluationError
from braintumor_tf.evaluation.comparison.cost import cost_of, milliseconds_per_image
from braintumor_tf.evaluation.comparison.image_matching import (
    common_images,
    joint_groups,
    refuse_other_images,
    tested_images,
)
from braintumor_tf.evaluation.comparison.leaderboard import Entrant, display_names, make_leaderboard, table_records
from braintumor_tf.evaluation.comparison.paired_tests import RESAMPLES, compare_pairs
from braintumor_tf.evaluation.scores.evaluation_table import score_predictions
from braintumor_tf.evaluation.scores.unknown_training import of_unknown_training
from braintumor_tf.predictions_table import PREDICTED
from braintumor_tf.progress import progress_bar
from braintumor_tf.runs import Run, is_imported


@dataclass(frozen=True)
class Comparison:
    """Runs that were ranked on the same test images.

    Attributes:
        leaderboard: one row a run, a configuration with several seeds, or a shortcut baseline, sorted by macro-F1; its
            columns are `leaderboard.COLUMNS`.
        pairs: one row for every two runs, as `compare_pairs` returns them.
        classes: class names in order.
        images: how many test images there are.
        groups: how many groups they are of.
        left_out: for each run how many of its test images were left out; all 0 unless `common` was asked for.
        common: whether only images that no run has seen were compared.
        same_training: whether all runs had the same images in training, validation and test.
        resamples: draws behind the paired tests.
        unknown_training: names of the runs whose model was imported: which images it has seen is not known.
    """

    leaderboard: pd.DataFrame
    pairs: pd.DataFrame
    classes: tuple[str, ...]
    images: int
    groups: int
    left_out: dict[str, int]
    common: bool
    same_training: bool
    resamples: int
    unknown_training: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain values for JSON."""
        return {
            "classes": list(self.classes),
            "images": self.images,
            "groups": self.groups,
            "common": self.common,
            "left_out": self.left_out,
            "same_training": self.same_training,
            "resamples": self.resamples,
            "unknown_training": list(self.unknown_training),
            "leaderboard": table_records(self.leaderboard),
            "pairs": table_records(self.pairs),
        }


def compare(
    runs: Sequence[Run | str | Path],
    *,
    common: bool = False,
    measure_time: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
    show_progress: bool = True,
) -> Comparison:
    """Ranks finished runs by macro-F1 on the test images that they share, and says which are not told apart.

    Runs may be of any kind: networks, pipelines, k-fold runs, ensembles, several seeds of one configuration. Images are
    matched by the MD5 of their bytes, so copies of the data may lie elsewhere. Scores and baselines are those of each
    run's ``metrics.json``; every two runs are compared by `compare_pairs` on their ``predictions.csv``. Nothing is
    predicted anew unless the time is measured, and nothing is written.

    Args:
        runs: two or more finished runs, or their directories.
        common: whether to rank runs with different test images, on those that all share and that no run has in, or near
            its training or validation images; scores are then computed anew, and there are no baselines, whose
            predictions no run keeps.
        measure_time: whether to measure the milliseconds for an image (`milliseconds_per_image`), one run after the
            other, on this machine; nothing else should run on it.
        resamples: draws behind the intervals and p-values of the paired tests.
        seed: of these draws.
        show_progress: whether to show a bar while time is measured.

    Raises:
        EvaluationError: fewer than two runs, a run twice, or classes, test images or labels differ.
        DamagedRun: a run has predictions that are no probabilities, such as NaN.
        ModelError: the time was asked for and a model is not the run's own.
        RunError: a run is missing or not finished, or its model is gone though the time was asked for.

    Example:
        >>> found = compare(["models/cnn", "models/pca"])  # doctest: +SKIP
        >>> found.leaderboard["name"].tolist()  # doctest: +SKIP
        ['cnn', 'pca']
    """
    opened = _open(runs)
    names = display_names([str(run.path) for run in opened])
    tables = {name: tested_images(run.predictions, run.manifest) for name, run in zip(names, opened)}
    if common:
        shared = common_images(tables)
    else:
        refuse_other_images(tables)
        shared = next(iter(tables.values())).index
    entrants = []
    for name, run in progress_bar(
        list(zip(names, opened)), "Comparing", total=len(names), show=show_progress and measure_time
    ):
        entrants.append(_entrant(name, run, tables[name].loc[shared], common, measure_time))
    groups = joint_groups([one.images["group"].tolist() for one in entrants])
    classes = tuple(entrants[0].config["classes"])
    labels = entrants[0].images["label"].tolist()
    named = {one.name: one.images[PREDICTED].tolist() for one in entrants}
    pairs = compare_pairs(labels, named, groups, classes=classes, resamples=resamples, seed=seed)
    return Comparison(
        make_leaderboard(entrants, pairs),
        pairs,
        classes,
        len(shared),
        int(groups.max()) + 1,
        {name: len(table) - len(shared) for name, table in tables.items()},
        common,
        len({one.config.get("data_fingerprint") for one in entrants}) == 1,
        resamples,
        tuple(one.name for one in entrants if is_imported(one.config)),
    )


def _entrant(name: str, run: Run, rows: pd.DataFrame, rescore: bool, measure_time: bool) -> Entrant:
    """Returns a run with its cost and its scores: those that it has kept, or anew on some of its images."""
    cost, config = cost_of(run), run.config
    if measure_time:
        cost = replace(cost, milliseconds_per_image=milliseconds_per_image(run, rows["path"].tolist()))
    if not rescore:
        return Entrant(name, run, config, run.metrics, rows, cost)
    drawn = {"seed": config["seed"], "resamples": config["resamples"]}
    scores = score_predictions(rows.reset_index(drop=True), run.manifest, config["classes"], **drawn)
    found = of_unknown_training(scores.to_dict()) if is_imported(config) else scores.to_dict()
    return Entrant(name, run, config, found, rows, cost)


def _open(runs: Sequence[Run | str | Path]) -> list[Run]:
    """Opens the runs; refuses those that are not finished, a run given twice, and other classes."""
    opened = [Run.of(run) for run in runs]
    if len(opened) < 2:
        raise EvaluationError(f"{len(opened)} run is given; give two or more to compare")
    places = [run.path.resolve() for run in opened]
    for place, run in enumerate(opened):
        run.refuse_unfinished()
        if places.index(places[place]) < place:
            raise EvaluationError(f"{run.path}: is given twice; give each run once")
        wanted, found = opened[0].config["classes"], run.config["classes"]
        if set(wanted) != set(found):
            raise EvaluationError(
                f"{run.path} tells {', '.join(found)} apart and {opened[0].path} {', '.join(wanted)}; only runs of the "
                "same classes can be ranked"
            )
    return opened
