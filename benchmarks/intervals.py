"""How often 95 % intervals hold the truth: percentile bootstraps, as they were, beside the intervals of the package.

What is simulated is written in `intervals_cells.py`. Run: python benchmarks/intervals.py
"""

from __future__ import annotations

import functools
import json
import multiprocessing
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from intervals_cells import SIZES, cells, judge, percentile, simulate

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import calibration_scores, score_predictions
from braintumor_tf.evaluation.calibration.calibration_error import expected_calibration_error
from braintumor_tf.evaluation.scores.evaluation_table import split_values
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, group_weights, with_resamples
from braintumor_tf.evaluation.scores.weighted_metrics import label_values, weighted_confusion
from braintumor_tf.files import write_json
from braintumor_tf.predictions_table import make_predictions
from braintumor_tf.runs import environment

RESULTS = Path(__file__).parent / "results" / "intervals.json"
LOW = 0.935
"""Cells of at least ten groups that lie lower are simulated once more."""
RANGES = {"20": (20, np.inf), "10": (10, 20), "6": (6, 10), "2": (0, 6)}
"""Groups that a score rests on: its own, of its class."""


def worst(rows: list[dict[str, Any]], least: float, below: float) -> dict[str, dict[str, float]]:
    """Returns the least and the mean coverage of each score over the cells whose own groups lie between."""
    table = pd.DataFrame(rows)
    table = table[(table["own_groups"] >= least) & (table["own_groups"] < below) & table["holds"].notna()]
    return {
        name: {"least": float(part["holds"].min()), "mean": round(float(part["holds"].mean()), 4),
               "old_least": float(part["old_holds"].min()), "old_mean": round(float(part["old_holds"].mean()), 4)}
        for name, part in table.groupby("score")
    }  # fmt: skip


def compare_times(repeats: int) -> dict[str, float]:
    """Seconds for scoring 1,000 images of 200 groups with three baselines: as it was, and now; the best of some."""
    rng = np.random.default_rng(0)
    labels = np.repeat(rng.integers(0, 4, 200), 5)
    logits = rng.normal(size=(4, 1000, 4)) + 2 * np.eye(4)[labels]
    tables = []
    rows = pd.DataFrame({"path": [f"{place}.png" for place in range(1000)], "label": np.array(CLASSES)[labels]})
    rows = rows.assign(split="test", group=[f"g{place // 5}" for place in range(1000)])
    for one in logits:
        powers = np.exp(one)
        tables.append(make_predictions(rows, CLASSES, powers / powers.sum(axis=1, keepdims=True)))
    baselines = dict(zip("abc", tables[1:]))
    probabilities = tables[0].iloc[:, -4:].to_numpy()
    named = [table["predicted"].map({name: place for place, name in enumerate(CLASSES)}).to_numpy() for table in tables]
    near, groups = np.zeros(1000, bool), group_numbers(rows["group"])

    def old() -> None:
        draws = {"resamples": 1000, "seed": 0}
        known = (labels, named[0], probabilities, near)
        model = with_resamples(lambda weights: split_values(*known, weights, CLASSES, 2), groups, **draws)
        for drawn in model[1].values():
            percentile(drawn)
        for one in named[1:]:
            found = with_resamples(
                lambda weights, one=one: label_values(weighted_confusion(labels, one, weights, classes=4)),
                groups,
                **draws,
            )[1]
            for name in ("accuracy", "macro_f1"):
                percentile(found[name])
                percentile(model[1][name] - found[name])

    def new() -> None:
        score_predictions(tables[0], rows, CLASSES, baselines=baselines)

    found = {"old": [], "new": []}
    for _ in range(repeats):
        for name, call in (("old", old), ("new", new)):
            start = time.process_time()
            call()
            found[name].append(time.process_time() - start)
    best = {name: round(min(times), 4) for name, times in found.items()}
    return {**best, "ratio": round(best["new"] / best["old"], 3)}


def calibration(times: int, resamples: int, seed: int = 0) -> list[dict[str, Any]]:
    """Coverage for the calibration error (15 bins) of a model that is too confident by so much, groups in one bin."""
    rows = []
    for groups, each in SIZES[:-1]:
        for excess in (0.0, 0.05, 0.15):
            rng, held, old, widths = np.random.default_rng(seed), [], [], []
            for _ in range(times):
                confidence = np.repeat(1 - 0.6 * rng.beta(1, 3, groups), each)
                right = rng.random(groups * each) < confidence - excess
                frame = pd.DataFrame({"label": np.where(right, "tumor", "no_tumor"), "p_tumor": confidence})
                frame = frame.assign(p_no_tumor=1 - confidence, group=np.repeat(np.arange(groups), each))
                how = {"resamples": resamples, "seed": 0}
                one = calibration_scores(frame, ("tumor", "no_tumor"), **how).expected_calibration_error
                holds, width = judge((one.low, one.high), excess)
                held.append(holds)
                widths.append(width)
                weights = np.concatenate(list(group_weights(group_numbers(frame["group"]), **how)))
                drawn = expected_calibration_error(right, confidence, weights=weights)
                low, high = 2 * one.value - np.quantile(drawn, [0.975, 0.025])  # the basic bootstrap, as it was
                old.append(judge((max(low, 0.0), max(high, one.value)), excess)[0])
            row = {"groups": groups, "images": each, "error": excess, "old_holds": round(float(np.mean(old)), 4)}
            rows.append(row | {"holds": round(float(np.mean(held)), 4), "width": round(float(np.mean(widths)), 4)})
            click.echo("{groups} x {images}, calibration error {error}: {old_holds:.3f} -> {holds:.3f} ({width:.3f})"
                       .format(**rows[-1]))  # fmt: skip
    return rows


def look_again(rows: list[dict[str, Any]], times: int, resamples: int, workers: int) -> list[dict[str, Any]]:
    """Simulates cells that seem to lie low anew, four times as long and with other numbers, in place of the first look.

    Of hundreds of cells the lowest are low by chance; a fresh look says which are low indeed.
    """
    keys = ("groups", "images", "probability", "correlation", "labels")
    low = {tuple(row[key] for key in keys) for row in rows if row["own_groups"] >= 10 and row["holds"] < LOW}
    chosen = [cell for cell in cells() if tuple(cell[key] for key in keys) in low]
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        found = pool.imap(functools.partial(simulate, times=4 * times, resamples=resamples, seed=1), chosen)
        fresh = {tuple(part[0][key] for key in keys): [{**row, "again": True} for row in part] for part in found}
    first = {}
    for row in rows:
        first.setdefault(tuple(row[key] for key in keys), []).append(row)
    return [row for place, part in first.items() for row in fresh.get(place, part)]


def coverage(times: int, resamples: int, workers: int) -> dict[str, Any]:
    """Simulates every cell in several processes and sums up."""
    rows, work = [], functools.partial(simulate, times=times, resamples=resamples)
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for found in pool.imap(work, list(cells())):
            rows += found
            click.echo("{groups} x {images}, p {probability}, r {correlation}, {labels}".format(**found[0]))
            for row in found:
                click.echo("    {score:<26} rests on {own_groups:6.1f}: {old_holds:.3f} ({old_width:.3f}) -> "
                           "{holds:.3f} ({width:.3f})".format(**row))  # fmt: skip
    return {"times": times, "resamples": resamples, **summed_up(look_again(rows, times, resamples, workers))}


def summed_up(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the cells and the worst of them by groups."""
    summary = {name: worst(rows, *ends) for name, ends in RANGES.items()}
    for name, found in summary.items():
        for score, one in found.items():
            click.echo(f"from {name} groups, {score}: at least {one['least']:.3f}, was {one['old_least']:.3f}")
    return {"summary": summary, "cells": rows}


@click.command()
@click.option(
    "--part",
    "parts",
    multiple=True,
    default=("coverage", "calibration", "timing"),
    show_default=True,
    help="What to do; again: the second look at low cells alone.",
)
@click.option(
    "--times",
    default=600,
    show_default=True,
    help="Test sets a cell; two thirds from 200 groups on, a third of ROC-AUC, a fourth of calibration errors.",
)
@click.option("--resamples", default=400, show_default=True, help="Draws of groups.")
@click.option("--workers", default=2, show_default=True, help="Processes.")
@click.option("--repeats", default=5, show_default=True, help="Timings of either way.")
def main(parts: tuple[str, ...], times: int, resamples: int, workers: int, repeats: int) -> None:
    """Simulates every cell and prints coverage and mean width, old and new; parts that are not done anew are kept."""
    result = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    if "again" in parts:  # on what is written already
        result |= summed_up(look_again(result["cells"], result["times"], result["resamples"], workers))
    if "coverage" in parts:
        result |= coverage(times, resamples, workers)
    if "calibration" in parts:
        result["calibration"] = calibration(times // 4, resamples)
    if "timing" in parts:
        result["timing"] = compare_times(repeats)
        click.echo("seconds of processor time: {old} before, {new} now, {ratio} times".format(**result["timing"]))
    write_json(RESULTS, {**result, "environment": environment()})


if __name__ == "__main__":
    main()
