"""Figures that compare: a dot and an interval for each run of a leaderboard, or for a model and its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from braintumor_tf.evaluation.comparison.leaderboard import BASELINE, RUN, SEEDS
from braintumor_tf.report.plots.style import (
    ACCENT,
    INK,
    MUTED,
    WARNING,
    legend_below,
    message_figure,
    new_figure,
    set_heading,
    shorten,
    themed,
)
from braintumor_tf.report.wording.leaderboard import not_told_apart, row_title
from braintumor_tf.report.wording.metrics import SCORES, score_table, score_title
from braintumor_tf.report.wording.numbers import number

_COLOURS = {"model": ACCENT, "clean": "#7f8bd0", "twins": WARNING, "baseline": MUTED}
_MARKERS = ("o", "D", "s", "^")
_WIDEST = 34
"""Letters of a name on one line at most; a longer one takes two lines, and then loses its middle."""


@themed
def leaderboard(table: pd.DataFrame, *, score: str = "macro_f1", title: str = "") -> Figure:
    """Draws one row for each run, configuration with several seeds, and shortcut baseline, in the table's order.

    Filled dots are the best run and those that are not told apart from it by macro-F1, hollow ones are behind it; the
    shaded band is the interval of the best. The bar of a configuration with several seeds is a 95 % interval
    over seeds and groups, other bars are 95 % intervals over groups.

    Args:
        table: the leaderboard of a `Comparison`.
        score: the column to draw, such as ``"macro_f1"``.
        title: the figure's title; empty for none.
    """
    rows = table[table[score].notna()].reset_index(drop=True)
    if rows.empty:
        return message_figure("no run has this score", title)
    names = [_lines(row_title(row)) for _, row in rows.iterrows()]
    heights = _heights(names)
    figure, axes = new_figure(5.4, 1.35 + 0.27 * heights[-1] + 0.27)
    chart = axes[0, 0]
    runs = rows[rows["kind"] == RUN]
    close = not_told_apart(runs) if len(runs) else pd.Series(dtype=bool)
    _shade_best(chart, runs, score)
    for place, height in enumerate(heights):
        _draw_row(chart, rows.iloc[place], height, score, bool(close.get(place, False)))
    chart.set_yticks(heights, names)
    for label, kind in zip(chart.get_yticklabels(), rows["kind"], strict=True):
        label.set(color=MUTED if kind == BASELINE else INK, fontsize=9.5 if len(rows) < 16 else 9)
    chart.set(xlim=_limits(rows, score), ylim=(heights[-1] + 0.9, heights[0] - 0.9))
    chart.set_xlabel(SCORES.get(score, (score.replace("_", " "),))[0])
    chart.grid(axis="y", visible=False)
    chart.tick_params(axis="y", length=0)
    if title:
        set_heading(figure, title)
    _draw_legend(chart, rows, close)
    return figure


def _heights(names: Sequence[str]) -> np.ndarray:
    """Where each row lies: names of two lines take more room."""
    room = np.array([1.55 if "\n" in name else 1.0 for name in names])
    return np.cumsum(room) - room / 2


def _shade_best(chart: Axes, runs: pd.DataFrame, score: str) -> None:
    best = runs.iloc[:1][[f"{score}_low", f"{score}_high"]].to_numpy(float)
    if best.size and np.isfinite(best).all():
        chart.axvspan(*best[0], color=ACCENT, alpha=0.09, linewidth=0, zorder=0)


def _draw_row(chart: Axes, row: pd.Series, height: float, score: str, close: bool) -> None:
    colour, marker = {BASELINE: (MUTED, "s"), SEEDS: (INK, "D")}.get(row["kind"], (ACCENT, "o"))
    low, high = row[f"{score}_low"], row[f"{score}_high"]
    if pd.notna(low) and pd.notna(high):
        width = 1.2 if row["kind"] == SEEDS else 2.2
        chart.plot([low, high], [height, height], color=colour, linewidth=width, solid_capstyle="round", alpha=0.75)
    face = colour if close or row["kind"] == BASELINE else "white"
    chart.plot(row[score], height, marker, color=colour, mfc=face, ms=6 if marker != "o" else 7, mew=1.6, clip_on=False)
    chart.annotate(
        number(row[score]),
        (1.0, height),
        xycoords=("axes fraction", "data"),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=9.5,
        color=INK if row["kind"] != BASELINE else MUTED,
        annotation_clip=False,
    )


def _limits(rows: pd.DataFrame, score: str) -> tuple[float, float]:
    """From a tenth below all that is drawn to 1, so that neighbours can be told apart."""
    least = float(np.nanmin(rows[[score, f"{score}_low"]].to_numpy(float)))
    return max(0.0, np.floor(10 * least - 0.2) / 10), 1.0


def _draw_legend(chart: Axes, rows: pd.DataFrame, close: pd.Series) -> None:
    kinds = [
        (bool(close.any()), "o", ACCENT, ACCENT, "highest, or not told apart from it"),
        (bool((~close.astype(bool)).any()), "o", ACCENT, "white", "behind the highest"),
        (bool((rows["kind"] == SEEDS).any()), "D", INK, "white", "mean over seeds"),
        (bool((rows["kind"] == BASELINE).any()), "s", MUTED, MUTED, "shortcut baseline"),
    ]
    for there, marker, colour, face, label in kinds:
        if there:
            chart.plot([], [], marker, color=colour, mfc=face, mew=1.6, ms=6, label=label)
    legend_below(chart, 2)


def _lines(name: str) -> str:
    """A long name on two lines, broken where it has a mark, and without its middle if that is not enough."""
    name = " ".join(str(name).split())
    if len(name) <= _WIDEST - 8:
        return name
    if len(name) > 2 * _WIDEST:
        name = f"{name[: _WIDEST - 1]}…{name[-_WIDEST:]}"
    breaks = [place + 1 for place, letter in enumerate(name[:-1]) if letter in " _-/,…"] or [len(name) // 2]
    middle = min(breaks, key=lambda place: abs(place - len(name) / 2))
    return f"{name[:middle].rstrip()}\n{name[middle:].lstrip()}"


@themed
def score_intervals(
    scores: pd.DataFrame | Mapping[str, Any], *, title: str = "The model beside the shortcut baselines"
) -> Figure:
    """Dots with 95 % bars on one scale: the model, with and without near-duplicates in training, and every baseline.

    The shaded band is the model's interval of the last score. Whether a baseline is told apart from the model is judged
    by the paired difference, not by whether its bar reaches into the band.

    Args:
        scores: the table of `wording.metrics.score_table`, or a metrics dictionary to make it from.
        title: the figure's title.
    """
    table = scores if isinstance(scores, pd.DataFrame) else score_table(scores)
    if table.empty:
        return message_figure("nothing has been scored", title)
    names = list(dict.fromkeys(table["name"]))
    measures = list(dict.fromkeys(table["score"]))
    figure, axes = new_figure(4.9, 1.55 + 0.3 * sum(len(table[table["name"] == name]) for name in names))
    chart = axes[0, 0]
    _shade_model(chart, table, measures[-1])
    positions, height = [], 0.0
    for name in names:
        rows = table[table["name"] == name]
        for offset, row in enumerate(rows.itertuples()):
            _draw_dot(chart, row, height + offset * 0.8, measures.index(row.score))
        positions.append(height + (len(rows) - 1) * 0.4)
        height += len(rows) * 0.8 + 0.65
    chart.set_yticks(positions, [_two_lines(name) for name in names])
    for label, name in zip(chart.get_yticklabels(), names, strict=True):
        kind = table.loc[table["name"] == name, "kind"].iloc[0]
        label.set(color=INK if kind != "baseline" else MUTED, fontweight="bold" if kind == "model" else "normal")
    chart.set(xlim=(0, 1.0), ylim=(height - 0.15, -0.75), xlabel="score with 95 % interval")
    chart.set_xticks(np.arange(0, 1.01, 0.2))
    chart.grid(axis="y", visible=False)
    set_heading(figure, title)
    for index, measure in enumerate(measures):
        filled = "white" if index else INK
        chart.plot([], [], _MARKERS[index % 4], color=INK, mfc=filled, ms=6, label=score_title(measure))
    legend_below(chart, 3)
    return figure


def _shade_model(chart: Axes, table: pd.DataFrame, measure: str) -> None:
    model = table[(table["kind"] == "model") & (table["score"] == measure)]
    if len(model) and model["low"].notna().all() and model["high"].notna().all():
        low, high = float(model["low"].iloc[0]), float(model["high"].iloc[0])
        chart.axvspan(low, high, color=ACCENT, alpha=0.1, linewidth=0, zorder=0, label="the model's interval")


def _draw_dot(chart: Axes, row: Any, height: float, measure: int) -> None:
    colour = _COLOURS.get(row.kind, MUTED)
    if pd.notna(row.low) and pd.notna(row.high):
        chart.plot(
            [row.low, row.high], [height, height], color=colour, linewidth=2.2, solid_capstyle="round", alpha=0.75
        )
    face = "white" if measure else colour
    chart.plot([row.value], [height], _MARKERS[measure % 4], color=colour, mfc=face, ms=7, mew=1.6, clip_on=False)
    chart.annotate(
        number(row.value, 2),
        (1.0, height),
        xytext=(9, 0),
        textcoords="offset points",
        va="center",
        fontsize=9.5,
        color=INK if row.kind == "model" else MUTED,
        fontweight="bold" if row.kind == "model" else "normal",
        annotation_clip=False,
    )


def _two_lines(name: str) -> str:
    name = shorten(name, 40)
    if len(name) <= 20:
        return name
    breaks = [index for index, letter in enumerate(name) if letter == " "]
    if not breaks:
        return name
    middle = min(breaks, key=lambda index: abs(index - len(name) / 2))
    return f"{name[:middle]}\n{name[middle + 1 :]}"
