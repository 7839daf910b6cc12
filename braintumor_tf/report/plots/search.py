"""Figures of a hyperparameter search."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from braintumor_tf.report.plots.style import (
    ACCENT,
    FAINT,
    INK,
    MUTED,
    WARNING,
    legend_below,
    message_figure,
    new_figure,
    shorten,
    themed,
)
from braintumor_tf.training.presets import MONITORS
from braintumor_tf.training.search.space import PARAMETERS, WHOLE

COLUMNS = 3
_NAMES = {"val_macro_f1": "validation macro-F1", "val_accuracy": "validation accuracy", "val_loss": "validation loss"}
_LOGARITHMIC = ("learning_rate", "weight_decay", "clip_norm")


@themed
def search_trials(
    trials: pd.DataFrame,
    *,
    parameters: Sequence[str] | None = None,
    monitor: str = "val_macro_f1",
    title: str = "Scores of the search",
) -> Figure:
    """The score of each trial in turn with the best so far, and below it the score against each parameter.

    Full dots are finished trials, hollow ones those that were ended early, at their best score until then. The best
    trial has a ring.

    Args:
        trials: the table of a search (`braintumor_tf.training.Search`), or its ``trials.csv``: trial, state, score and
            a column for each parameter.
        parameters: which of them to draw; None for every one that the table holds.
        monitor: the metric that is the score.
        title: the figure's title.

    Example:
        >>> trials = pd.DataFrame({"trial": [0, 1], "state": "finished", "score": [0.7, 0.8]})
        >>> trials["learning_rate"] = [0.1, 0.01]
        >>> search_trials(trials, parameters=["learning_rate"]).get_axes() != []
        True
    """
    scored = trials[trials["score"].notna() & trials["state"].isin(["finished", "pruned"])].reset_index(drop=True)
    if scored.empty:
        return message_figure("no trial has a score yet", title)
    names = [name for name in (PARAMETERS if parameters is None else parameters) if name in scored]
    rows = 1 + -(-len(names) // COLUMNS)
    figure, axes = new_figure(3.2 * COLUMNS, 3.0 * rows, rows, COLUMNS)
    grid = axes[0, 0].get_gridspec()
    for chart in axes[0]:
        chart.remove()
    top = figure.add_subplot(grid[0, :])
    _in_turn(top, scored, trials, monitor)
    top.set_title(title)
    best = _best(scored, monitor)
    for chart, name in zip(axes[1:].ravel(), names, strict=False):
        _against(chart, scored, name, best)
    for chart in axes[1:].ravel()[len(names) :]:
        chart.set_axis_off()
    for chart in axes[1:, 0]:
        chart.set_ylabel(_NAMES.get(monitor, monitor))
    legend_below(top, 4)
    return figure


def _in_turn(chart: Axes, scored: pd.DataFrame, trials: pd.DataFrame, monitor: str) -> None:
    finished, pruned = (scored[scored["state"] == state] for state in ("finished", "pruned"))
    sign = 1 if MONITORS.get(monitor, "max") == "max" else -1
    if len(finished):
        so_far = sign * (sign * finished["score"]).cummax()
        end = trials["trial"].max()
        chart.step(
            [*finished["trial"], end],
            [*so_far, so_far.iloc[-1]],
            where="post",
            color=ACCENT,
            alpha=0.6,
            label="best so far",
        )
        chart.plot(finished["trial"], finished["score"], "o", color=ACCENT, ms=6, label="finished")
    if len(pruned):
        chart.plot(pruned["trial"], pruned["score"], "o", color=MUTED, mfc="white", mew=1.4, ms=6, label="ended early")
    lost = trials[trials["state"].isin(["failed", "killed"])]
    if len(lost):
        bottom = np.full(len(lost), 0.02)
        chart.plot(
            lost["trial"],
            bottom,
            "x",
            color=WARNING,
            ms=6,
            mew=1.6,
            label="failed or killed",
            transform=chart.get_xaxis_transform(),
            clip_on=False,
        )
    chart.set_xlim(-0.5, trials["trial"].max() + 0.5)
    chart.xaxis.set_major_locator(MaxNLocator(12, integer=True))
    chart.set(xlabel="trial", ylabel=_NAMES.get(monitor, monitor))
    chart.grid(axis="x", visible=False)


def _against(chart: Axes, scored: pd.DataFrame, name: str, best: int | None) -> None:
    values = scored[name]
    numbers = pd.to_numeric(values, errors="coerce")
    few = values.nunique() <= 4
    if few or numbers.isna().any():
        texts = values.map(_text)
        order = sorted(
            texts.unique(), key=lambda text: (_is_word(text), float(text) if not _is_word(text) else 0, text)
        )
        places = texts.map({text: place for place, text in enumerate(order)}).to_numpy(float)
        places = places + np.random.default_rng(0).uniform(-0.12, 0.12, len(places))  # so that equal ones can be told
        chart.set_xticks(range(len(order)), [shorten(text, 12) for text in order])
        chart.set_xlim(-0.6, len(order) - 0.4)
        chart.grid(axis="x", visible=False)
    else:
        places = numbers.to_numpy(float)
        if name in _LOGARITHMIC and places.min() > 0:
            chart.set_xscale("log")
            chart.xaxis.set_major_formatter("{x:g}")
            chart.xaxis.set_minor_formatter("")
        else:
            chart.xaxis.set_major_locator(MaxNLocator(5, integer=name in WHOLE))
    pruned = (scored["state"] == "pruned").to_numpy()
    scores = scored["score"].to_numpy(float)
    chart.plot(places[pruned], scores[pruned], "o", color=MUTED, mfc="white", mew=1.2, ms=5)
    chart.plot(places[~pruned], scores[~pruned], "o", color=ACCENT, ms=5, alpha=0.75)
    if best is not None:
        chart.plot(places[best], scores[best], "o", mfc="none", mec=INK, mew=1.6, ms=11)
    chart.set_title(name.replace("_", " "), fontsize=10.5)
    chart.spines["left"].set_color(FAINT)


def _best(scored: pd.DataFrame, monitor: str) -> int | None:
    finished = scored.loc[scored["state"] == "finished", "score"]
    if finished.empty:
        return None
    return int(finished.idxmax() if MONITORS.get(monitor, "max") == "max" else finished.idxmin())


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, (int, float, np.number)) else str(value)


def _is_word(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return True
    return False
