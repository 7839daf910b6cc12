"""The table of a comparison: a row for each run, each configuration with several seeds, and each shortcut baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.evaluation.comparison.cost import COSTS, Cost
from braintumor_tf.evaluation.scores.judgement import judge_row, unpaired_difference
from braintumor_tf.evaluation.scores.seeds import seed_means
from braintumor_tf.files import comparable_json
from braintumor_tf.leakage.groups import near_duplicate_in_training
from braintumor_tf.runs import Run
from braintumor_tf.types import Score

RUN, SEEDS, BASELINE = "run", "seeds", "baseline"
"""The kinds of rows."""

RANKED_BY = "macro_f1"
"""The score that rows are sorted by; no validation image has a part in it."""

SCORES = {
    "macro_f1": ("macro_f1",),
    "accuracy": ("accuracy",),
    "balanced_accuracy": ("balanced_accuracy",),
    "tumour_sensitivity": ("tumour_sensitivity",),
    "tumour_specificity": ("tumour_specificity",),
    "twins_accuracy": ("twins", "accuracy"),
    "clean_accuracy": ("clean", "accuracy"),
}
"""Columns of scores, and where ``metrics.json`` keeps each: `twins_accuracy` is on images with a near-duplicate in
training, `clean_accuracy` on the rest."""

LEAD = ("lead", "lead_low", "lead_high", "lead_p", "lead_p_holm")
"""What the best run has more of `RANKED_BY` than the run or baseline of a row: the difference, its interval, and for a
run the p-values of the paired bootstrap. The interval is paired, but for a baseline that is not the best run's own: of
this no predictions were kept, and `unpaired_difference` gives a wider one."""

JUDGEMENT = "lead_judgement"
"""The best run beside the run or baseline of a row, as `judge` names it: better, worse, or not told apart."""

COLUMNS = (
    *("rank", "name", "kind", "model", "protocol", "seed", "runs"),
    *(f"{name}{end}" for name in SCORES for end in ("", "_low", "_high")),
    *("twins_images", "clean_images", "interval"),
    *LEAD,
    JUDGEMENT,
    *COSTS,
    "path",
)
"""The columns of ``summary.csv``."""

_NO_SETTINGS = {"seed", "environment", "data_fingerprint", "unreadable", "data_remarks", "baselines", "resamples"}
"""What a configuration holds beside the settings of its training, or what follows from seed and data."""


@dataclass(frozen=True)
class Entrant:
    """A run that takes part in a comparison.

    Attributes:
        name: the run's directory, cut to what tells it from the others.
        run: the run.
        config: its configuration.
        metrics: its scores on the images that are compared.
        images: the rows of `image_matching.tested_images` that are compared, in the same order for all.
        cost: what the run's model costs.
    """

    name: str
    run: Run
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    images: pd.DataFrame
    cost: Cost


def make_leaderboard(entrants: Sequence[Entrant], pairs: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows of all runs, of configurations with several seeds, and of shortcut baselines, the best first.

    Args:
        entrants: the runs.
        pairs: as `compare_pairs` returns them, under the names of the entrants.

    Returns:
        The columns `COLUMNS`. `low` and `high` of a score are a 95 % interval over groups. For a row of several seeds
        it holds the spread over seeds and over groups (`scores.seeds`); the column `interval` says which. Only
        runs have a `rank`.
    """
    rows = [*(_run_row(one) for one in entrants), *_seed_rows(entrants), *_baseline_rows(entrants)]
    table = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    texts = ("name", "kind", "model", "protocol", "seed", "interval", JUDGEMENT, "path")
    numbers = [name for name in COLUMNS if name not in texts]
    table[numbers] = table[numbers].astype(float)
    table = table.sort_values(RANKED_BY, ascending=False, kind="stable", na_position="last", ignore_index=True)
    runs = table["kind"] == RUN
    table.loc[runs, "rank"] = table.loc[runs, RANKED_BY].rank(ascending=False, method="min")
    leader = entrants[[one.name for one in entrants].index(table.loc[runs, "name"].iloc[0])]
    return _with_lead(table, pairs, leader)


def display_names(paths: Sequence[str]) -> list[str]:
    """Returns the last parts of paths, as many as it takes to tell them apart.

    Example:
        >>> display_names(["models/a/cnn", "models/b/cnn", "models/pca"])
        ['a/cnn', 'b/cnn', 'pca']
    """
    parts = [path.replace("\\", "/").rstrip("/").split("/") for path in paths]
    names = ["/".join(each[-1:]) for each in parts]
    for depth in range(2, max(map(len, parts)) + 1):
        names = ["/".join(each[-depth:]) if names.count(name) > 1 else name for each, name in zip(parts, list(names))]
    return names


def _run_row(entrant: Entrant) -> dict[str, Any]:
    metrics, config = entrant.metrics, entrant.config
    row = {
        "name": entrant.name,
        "kind": RUN,
        "model": str(config.get("model", "")),
        "protocol": str(config.get("protocol", "")),
        "seed": str(config.get("seed", "")),
        "runs": 1,
        "twins_images": metrics["twins"]["images"],
        "clean_images": metrics["clean"]["images"],
        "interval": "95 % over groups",
        "path": str(entrant.run.path),
    }
    for name, keys in SCORES.items():
        found: Any = metrics
        for key in keys:
            found = found[key]
        row |= Score.from_dict(found).columns(name)
    return row | entrant.cost.to_dict()


def _seed_rows(entrants: Sequence[Entrant]) -> list[dict[str, Any]]:
    """One row for each configuration that was trained with several seeds: the mean."""
    alike: dict[str, list[Entrant]] = {}
    for entrant in entrants:
        alike.setdefault(_settings(entrant.config), []).append(entrant)
    several = [group for group in alike.values() if len({one.config.get("seed") for one in group}) > 1]
    models = [str(group[0].config.get("model", "")) for group in several]
    return [_seed_row(group, models.count(model) > 1) for group, model in zip(several, models)]


def _settings(config: Mapping[str, Any]) -> str:
    return comparable_json(dict(sorted((key, value) for key, value in config.items() if key not in _NO_SETTINGS)))


def _seed_row(group: Sequence[Entrant], name_one: bool) -> dict[str, Any]:
    rows = [_run_row(one) for one in group]
    model = rows[0]["model"]
    row: dict[str, Any] = {
        "name": f"{model}, mean of {len(rows)} seeds{f' (as {group[0].name})' if name_one else ''}",
        "kind": SEEDS,
        "model": model,
        "protocol": rows[0]["protocol"],
        "seed": ", ".join(one["seed"] for one in rows),
        "runs": len(rows),
        "interval": "95 % over seeds and groups",
    }
    intervals = _seed_intervals(group)
    for name in (*SCORES, *COSTS, "twins_images", "clean_images"):
        values = [one[name] for one in rows]
        if None not in values:
            row[name] = float(np.mean(values))
            if name in intervals:
                row |= {f"{name}_low": intervals[name].low, f"{name}_high": intervals[name].high}
    return row


def _seed_intervals(group: Sequence[Entrant]) -> dict[str, Score]:
    """The means of a configuration over its seeds, on all images and on those with a near-duplicate or without."""
    first = group[0].images  # all have the same images in the same order
    near = [near_duplicate_in_training(one.images, one.run.manifest) for one in group]
    shared = {"path": first["path"].to_numpy(), "group": first["group"].to_numpy()}
    tables = [one.images.assign(**shared) for one in group]
    classes = group[0].config["classes"]
    found = dict(seed_means(tables, classes).scores)
    parts = {"twins_accuracy": near, "clean_accuracy": [~each for each in near]}
    for name, chosen in parts.items():
        rows = [table[inside.to_numpy()] for table, inside in zip(tables, chosen)]
        if all(len(each) for each in rows):
            found[name] = seed_means(rows, classes).scores["accuracy"]
    return found


def _baseline_rows(entrants: Sequence[Entrant]) -> list[dict[str, Any]]:
    """One row for each shortcut baseline; where runs have it from other seeds or training images, the best of them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entrant in entrants:
        for name, scores in (entrant.metrics.get("baselines") or {}).items():
            row = {"name": name, "kind": BASELINE, "model": name, "interval": "95 % over groups"}
            row |= {"protocol": str(entrant.config.get("protocol", "")), **Score.from_dict(scores).columns("accuracy")}
            macro_f1 = Score.from_dict(scores["macro_f1"]) if scores.get("macro_f1") else Score(None)
            row |= macro_f1.columns("macro_f1")
            found.setdefault(name, []).append(row)
    return [max(rows, key=lambda row: row[RANKED_BY] or -1.0) for rows in found.values()]


def _with_lead(table: pd.DataFrame, pairs: pd.DataFrame, leader: Entrant) -> pd.DataFrame:
    """Puts beside each run and baseline what the best run has more, and what that comes to."""
    for pair in pairs.itertuples():
        if leader.name not in (pair.first, pair.second):
            continue
        other, sign = (pair.second, 1) if pair.first == leader.name else (pair.first, -1)
        ends = sorted([sign * pair.macro_f1_low, sign * pair.macro_f1_high])
        lead = [sign * pair.macro_f1_difference, *ends, pair.macro_f1_p, pair.macro_f1_p_holm]
        table.loc[(table["kind"] == RUN) & (table["name"] == other), list(LEAD)] = lead
    own = leader.metrics.get("baselines") or {}
    for place, row in table[table["kind"] == BASELINE].iterrows():
        scores = own.get(row["name"]) or {}
        above = (scores.get("model_above") or {}).get(RANKED_BY)
        if above is None or scores[RANKED_BY]["value"] != row[RANKED_BY]:  # the row is that of another run
            theirs = Score(*(None if np.isnan(row[name]) else row[name] for name in Score(None).columns(RANKED_BY)))
            above = unpaired_difference(Score.from_dict(leader.metrics[RANKED_BY]), theirs).to_dict()
        table.loc[place, list(LEAD[:3])] = [np.nan if above[end] is None else above[end] for end in above]
    judged = table.index[(table["kind"] != SEEDS) & ~((table["kind"] == RUN) & (table["name"] == leader.name))]
    table[JUDGEMENT] = pd.Series(
        {place: judge_row(table.loc[place], LEAD[0]).outcome for place in judged}, dtype=object
    )
    return table


def table_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns the rows of a table as dictionaries for JSON, with None for what is not there."""
    return table.astype(object).where(table.notna(), None).to_dict("records")
