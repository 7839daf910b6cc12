"""Means over several trainings of one model: all test images, those with a near-duplicate in training, and the rest.

    python benchmarks/seeds.py models/official_0 models/official_1 models/official_2 --out benchmarks/results/NAME.json

With ``--dataset FOLDER`` each run is asked about another data set, without images that have a near-duplicate or their
patient in training; the mean is then over what each run may be asked about. Intervals are 95 % over seeds and groups.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from braintumor_tf.datasets import to_binary
from braintumor_tf.evaluation import seed_means
from braintumor_tf.experiments import evaluate_run
from braintumor_tf.files import write_json
from braintumor_tf.identity import load
from braintumor_tf.leakage.groups import near_duplicate_in_training
from braintumor_tf.predictions_table import class_numbers, probabilities_of
from braintumor_tf.runs import Run

SCORES = ("accuracy", "balanced_accuracy", "macro_f1", "tumour_sensitivity", "tumour_specificity")


def summary(tables: list[pd.DataFrame], classes: list[str]) -> dict[str, Any]:
    """Mean scores of some rows of each run, and the area under the ROC curve of each where there are two classes."""
    if any(table.empty for table in tables):
        return {"images": 0}
    found = seed_means(tables, classes)
    scores = {name: found.scores[name].to_dict() for name in SCORES if name in found.scores}
    areas = [area for table in tables if (area := _area(table, classes)) is not None]
    return {"images": [len(table) for table in tables], "scores": scores, "roc_auc": areas}


def _area(table: pd.DataFrame, classes: list[str]) -> float | None:
    truth = class_numbers(table["label"], classes)
    if len(classes) != 2 or len(np.unique(truth)) < 2:
        return None
    return float(roc_auc_score(truth, probabilities_of(table, classes)[:, 1]))


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("--dataset", help="Another data set to score on.")
@click.option("--out", required=True, type=click.Path(dir_okay=False))
def main(runs: tuple[str, ...], dataset: str | None, out: str) -> None:
    """Prints and writes the means."""
    opened = [Run.of(path) for path in runs]
    classes = opened[0].config["classes"]
    if dataset is None:
        tables = [run.predictions[run.predictions["split"] == "test"] for run in opened]
        twins = [near_duplicate_in_training(table, run.manifest) for table, run in zip(tables, opened)]
        parts = {
            "all": tables,
            "near_duplicate_in_training": [table[twin] for table, twin in zip(tables, twins)],
            "rest": [table[~twin] for table, twin in zip(tables, twins)],
        }
    else:
        manifest = load(dataset, show_progress=False).manifest
        manifest = to_binary(manifest) if len(classes) == 2 else manifest
        asked = [evaluate_run(run, manifest, baselines=False, show_progress=False) for run in opened]
        parts = {"all": [each.predictions.assign(split="test") for each in asked]}
    found = {
        "model": opened[0].config["model"],
        "trained_on": Path(opened[0].config["dataset"]).name,
        "scored_on": None if dataset is None else Path(dataset).name,
        "seeds": [run.config["seed"] for run in opened],
        "parts": {name: summary(rows, classes) for name, rows in parts.items()},
    }
    write_json(out, found)
    for name, part in found["parts"].items():
        click.echo(f"{name}: {part['images']} images")
        for score, value in part.get("scores", {}).items():
            click.echo(f"  {score}: {100 * value['value']:.1f} ({100 * value['low']:.1f}-{100 * value['high']:.1f})")
        if part.get("roc_auc"):
            click.echo(f"  ROC-AUC of each: {', '.join(f'{value:.3f}' for value in part['roc_auc'])}")


if __name__ == "__main__":
    main()
