"""The leaderboard of several runs as one figure: a dot and an interval for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from braintumor_tf.evaluation.comparison.leaderboard import BASELINE, RUN, SEEDS
from braintumor_tf.report.plots.style import ACCENT, INK, MUTED, legend_below, message_figure, new_figure, themed
from braintumor_tf.report.wording.comparison_sentences import not_told_apart
from braintumor_tf.report.wording.numbers import SCORES, baseline_title, number

_WIDEST = 34
"""Letters of a name on one line at most; a longer one takes two lines, and then loses its middle."""


@themed
def leaderboard(table: pd.DataFrame, score: str = "macro_f1", title: str = "") -> Figure:
    """Draws one row for each run, configuration with several seeds, and dumb baseline, in the table's order.

    Filled dots are runs that cannot be told from the best one by the paired test on macro-F1, hollow ones are behind
    it; the shaded band is the interval of the best. The bar of a configuration with several seeds goes from the least
    to the largest of them, other bars are 95 % intervals over groups.

    Args:
        table: the leaderboard of a `Comparison`.
        score: the column to draw, such as ``"macro_f1"``.
        title: the figure's title; empty for none.
    """
    rows = table[table[score].notna()].reset_index(drop=True)
    if rows.empty:
        return message_figure("no run has this score", title)
    names = [_lines(baseline_title(row.name_) if row.kind == BASELINE else row.name_) for row in _named(rows)]
    heights = _heights(names)
    figure, axes = new_figure(5.4, 1.35 + 0.27 * heights[-1] + 0.27)
    chart = axes[0, 0]
    runs = rows[rows["kind"] == RUN]
    close = not_told_apart(runs) if len(runs) else pd.Series(dtype=bool)
    _band(chart, runs, score)
    for place, height in enumerate(heights):
        _row(chart, rows.iloc[place], height, score, bool(close.get(place, False)))
    chart.set_yticks(heights, names)
    for label, row in zip(chart.get_yticklabels(), _named(rows), strict=True):
        label.set(color=MUTED if row.kind == BASELINE else INK, fontsize=9.5 if len(rows) < 16 else 9)
    chart.set(xlim=_limits(rows, score), ylim=(heights[-1] + 0.9, heights[0] - 0.9))
    chart.set_xlabel(SCORES.get(score, (score.replace("_", " "),))[0])
    chart.grid(axis="y", visible=False)
    chart.tick_params(axis="y", length=0)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    _legend(chart, rows, close)
    return figure


def _named(rows: pd.DataFrame) -> Sequence:
    return list(rows.rename(columns={"name": "name_"}).itertuples())


def _heights(names: Sequence[str]) -> np.ndarray:
    """Where each row lies: names of two lines take more room."""
    room = np.array([1.55 if "\n" in name else 1.0 for name in names])
    return np.cumsum(room) - room / 2


def _band(chart: Axes, runs: pd.DataFrame, score: str) -> None:
    best = runs.iloc[:1][[f"{score}_low", f"{score}_high"]].to_numpy(float)
    if best.size and np.isfinite(best).all():
        chart.axvspan(*best[0], color=ACCENT, alpha=0.09, linewidth=0, zorder=0)


def _row(chart: Axes, row: pd.Series, height: float, score: str, close: bool) -> None:
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


def _legend(chart: Axes, rows: pd.DataFrame, close: pd.Series) -> None:
    kinds = [
        (bool(close.any()), "o", ACCENT, ACCENT, "highest, or cannot be told from it"),
        (bool((~close.astype(bool)).any()), "o", ACCENT, "white", "behind the highest"),
        (bool((rows["kind"] == SEEDS).any()), "D", INK, "white", "mean, least and largest over seeds"),
        (bool((rows["kind"] == BASELINE).any()), "s", MUTED, MUTED, "dumb baseline"),
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
