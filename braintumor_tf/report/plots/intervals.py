"""Figures of scores with their 95 % intervals: the model beside the dumb baselines, and what leakage is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from braintumor_tf.report.wording.numbers import SCORES, number, score_table

_COLOURS = {"model": ACCENT, "clean": "#7f8bd0", "twins": WARNING, "baseline": MUTED}
_MARKERS = ("o", "D", "s", "^")


@themed
def score_intervals(
    scores: pd.DataFrame | Mapping[str, Any], title: str = "The model beside the dumb baselines"
) -> Figure:
    """Dots with 95 % bars: the model, its twins and the rest apart, and every baseline on one scale from 0 to 1.

    The shaded band is the model's interval of the last score. A baseline whose bar reaches into it may be as good.

    Args:
        scores: the table of `scores.score_table`, or a metrics dictionary to make it from.
        title: the figure's title.
    """
    table = scores if isinstance(scores, pd.DataFrame) else score_table(scores)
    if table.empty:
        return message_figure("nothing has been scored", title)
    names = list(dict.fromkeys(table["name"]))
    measures = list(dict.fromkeys(table["score"]))
    figure, axes = new_figure(4.9, 1.55 + 0.3 * sum(len(table[table["name"] == name]) for name in names))
    chart = axes[0, 0]
    _band(chart, table, measures[-1])
    positions, height = [], 0.0
    for name in names:
        rows = table[table["name"] == name]
        for offset, row in enumerate(rows.itertuples()):
            _dot(chart, row, height + offset * 0.8, measures.index(row.score))
        positions.append(height + (len(rows) - 1) * 0.4)
        height += len(rows) * 0.8 + 0.65
    chart.set_yticks(positions, [_two_lines(name) for name in names])
    for label, name in zip(chart.get_yticklabels(), names, strict=True):
        kind = table.loc[table["name"] == name, "kind"].iloc[0]
        label.set(color=INK if kind != "baseline" else MUTED, fontweight="bold" if kind == "model" else "normal")
    chart.set(xlim=(0, 1.0), ylim=(height - 0.15, -0.75), xlabel="score with 95 % interval")
    chart.set_xticks(np.arange(0, 1.01, 0.2))
    chart.grid(axis="y", visible=False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    for index, measure in enumerate(measures):
        filled = "white" if index else INK
        title_of = SCORES.get(measure, (measure.replace("_", " "),))[0]
        chart.plot(
            [], [], _MARKERS[index % 4], color=INK, mfc=filled, ms=6, label=title_of.lower().replace("-f1", "-F1")
        )
    legend_below(chart, 3)
    return figure


def _band(chart: Axes, table: pd.DataFrame, measure: str) -> None:
    model = table[(table["kind"] == "model") & (table["score"] == measure)]
    if len(model) and model["low"].notna().all() and model["high"].notna().all():
        low, high = float(model["low"].iloc[0]), float(model["high"].iloc[0])
        chart.axvspan(low, high, color=ACCENT, alpha=0.1, linewidth=0, zorder=0, label="the model's interval")


def _dot(chart: Axes, row: Any, height: float, measure: int) -> None:
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


@themed
def leak_curve(curve: pd.DataFrame | None, title: str = "What near-duplicates are worth") -> Figure:
    """Nearest neighbour's accuracy when training images more alike than a threshold are hidden from it.

    A steep fall says that the score rested on near-duplicates in training.

    Args:
        curve: `threshold` (correlation of thumbnails), `accuracy`, and where known `low`, `high` and `hidden_share`
            (of test images from which a training image is hidden, 0..1).
        title: the figure's title.
    """
    if curve is None or curve.empty:
        return message_figure("no leak curve was computed", title)
    curve = curve.sort_values("threshold", ascending=False)
    position = np.arange(len(curve))
    figure, axes = new_figure(4.9, 4.0)
    chart = axes[0, 0]
    if {"low", "high"} <= set(curve):
        low, high = (curve[name].astype(float) for name in ("low", "high"))
        chart.fill_between(position, low, high, color=ACCENT, alpha=0.15, linewidth=0, label="95 % interval")
    chart.plot(position, curve["accuracy"], "o-", color=ACCENT, ms=5, label="accuracy of the nearest neighbour")
    if "hidden_share" in curve:
        chart.bar(
            position, curve["hidden_share"], width=0.5, color=FAINT, zorder=0, label="test images that lose a twin"
        )
    first = float(curve["accuracy"].iloc[0])
    chart.axhline(first, color=WARNING, linewidth=1, linestyle=":", zorder=1)
    chart.set_xticks(position, [f"{value:.3g}" if value <= 1 else "none" for value in curve["threshold"]])
    chart.set(ylim=(0, 1.02), title=title, ylabel="share", xlabel="training images are hidden above this similarity")
    chart.grid(axis="x", visible=False)
    if len(curve) > 9:
        chart.tick_params(axis="x", labelrotation=60)
    legend_below(chart, 1)
    return figure
