"""The figure of the leak ladder: what is left of each score when leaks are closed one by one."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from braintumor_tf.experiments.ladder_result import MODEL, Ladder
from braintumor_tf.report.plots.style import ACCENT, MUTED, message_figure, new_figure, set_heading, shorten, themed
from braintumor_tf.report.wording.ladder import RUNG_TITLES, ladder_row_title
from braintumor_tf.report.wording.metrics import SCORES
from braintumor_tf.report.wording.numbers import number

_COLOURS = ("#b35900", "#00795c", "#a3467d", "#66717d", "#8a6d1f", "#444b54")
"""One for each shortcut baseline, in their order, dark enough for text on white."""

_LINE = 0.052
"""Height of a line of text, as a share of the axis."""


@themed
def leak_ladder(ladder: Ladder, *, score: str = "macro_f1", title: str = "The leak ladder") -> Figure:
    """Draws a line for the model and for each shortcut baseline over the rungs, with the ends of each score.

    Args:
        ladder: of one seed or of several.
        score: ``"macro_f1"`` or ``"accuracy"``.
        title: the figure's title; empty for none.
    """
    rows = [row for row in ladder.rows if all(rung.scores[row][score].value is not None for rung in ladder.rungs)]
    if not rows:
        return message_figure("nothing has been scored on every rung", title)
    figure, axes = new_figure(5.4, 3.9)
    chart = axes[0, 0]
    colours = {MODEL: ACCENT} | dict(zip([row for row in rows if row != MODEL], _COLOURS * len(rows)))
    shifts = np.linspace(-0.07, 0.07, len(rows)) if len(rows) > 1 else [0.0]
    lowest = min(_draw_row(chart, ladder, row, score, colours[row], shift) for row, shift in zip(rows, shifts))
    bottom = max(0.0, np.floor(10 * lowest - 0.2) / 10)
    places = range(len(ladder.rungs))
    chart.set(xlim=(-0.25, len(places) + 0.35), ylim=(bottom, 1.0), ylabel=SCORES[score][0])
    chart.set_xticks(places, ["\n".join(RUNG_TITLES[rung.name].rsplit(" ", 1)) for rung in ladder.rungs])
    chart.grid(axis="x", visible=False)
    _name_rows(chart, ladder, rows, score, colours, bottom)
    if title:
        seeds = f", mean of {len(ladder.seeds)} seeds" if len(ladder.seeds) > 1 else ""
        set_heading(figure, f"{title}{seeds}")
    figure.text(0.01, 0.0, f"bars: {ladder.interval}", fontsize=9, color=MUTED, va="bottom")
    figure.get_layout_engine().set(rect=(0, 0.05, 1, 0.95))
    return figure


def _draw_row(chart: Axes, ladder: Ladder, row: str, score: str, colour: str, shift: float) -> float:
    """Draws one row and returns the least value that it shows."""
    found = [rung.scores[row][score] for rung in ladder.rungs]
    places = np.arange(len(found)) + shift
    model = row == MODEL
    values = [each.value for each in found]
    chart.plot(places, values, color=colour, linewidth=2.4 if model else 1.3, alpha=1.0 if model else 0.8, zorder=2)
    for place, each in zip(places, found):
        if each.low is not None and each.high is not None:
            chart.plot([place] * 2, [each.low, each.high], color=colour, linewidth=2.2 if model else 1.3, alpha=0.6)
    chart.plot(places, values, "o" if model else "s", color=colour, ms=7 if model else 4.5, zorder=3)
    return min([*values, *(each.low for each in found if each.low is not None)])


def _name_rows(
    chart: Axes, ladder: Ladder, rows: list[str], score: str, colours: dict[str, str], bottom: float
) -> None:
    """Names each line at its right end, moved apart where two lines end close to each other."""
    ends = {row: ladder.rungs[-1].scores[row][score].value for row in rows}
    step = _LINE * (1.0 - bottom)
    ordered = sorted(rows, key=ends.get)
    heights = _apart([ends[row] for row in ordered], step, bottom + step / 2, 1.0)
    for row, height in zip(ordered, heights):
        chart.annotate(
            f"{_short(ladder_row_title(ladder, row))} {number(ends[row], 2)}",
            (len(ladder.rungs) - 1 + 0.1, ends[row]),
            xytext=(len(ladder.rungs) - 1 + 0.22, height),
            va="center",
            fontsize=9,
            color=colours[row],
            fontweight="bold" if row == MODEL else "normal",
            annotation_clip=False,
        )


def _short(title: str) -> str:
    return shorten(title.removesuffix(" alone").split(" on ")[0], 26)


def _apart(values: list[float], step: float, lowest: float, highest: float) -> np.ndarray:
    """Moves sorted heights until neighbours are `step` apart, inside the axis."""
    heights = np.asarray(values, float)
    for place in range(len(heights)):
        heights[place] = max(heights[place], heights[place - 1] + step if place else lowest)
    for place in reversed(range(len(heights))):
        heights[place] = min(heights[place], heights[place + 1] - step if place + 1 < len(heights) else highest)
    return heights
