"""Figures of noise robustness: a small panel a noise with scores against severity, and a table of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from braintumor_tf.report.wording.metrics import score_title
from braintumor_tf.report.wording.numbers import number

_COLOURS = (ACCENT, "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MOST = 0.5
"""A loss that has the deepest colour in the table."""

_HOW = "band: 95 % interval\ndashed: on clean images"

Found = Mapping[str, Any]
"""What `evaluation.Robustness.to_dict` returns, and ``robustness.json`` holds."""


@themed
def robustness_curves(
    found: Found | Mapping[str, Found], *, metric: str = "macro_f1", title: str = "What does noise cost?"
) -> Figure:
    """One small panel a noise: a score against severity with its 95 % interval, and the score on clean images.

    Args:
        found: as in ``robustness.json``; or several under the names of models (``{"trained clean": …}``), drawn on the
            same axes.
        metric: ``accuracy``, ``balanced_accuracy`` or ``macro_f1``.
        title: the figure's title.

    """
    tables = _tables(found, metric)
    noises = _noises(tables)
    if not noises:
        return message_figure("no noise was scored", title)
    rows = -(-len(noises) // 2)
    figure, axes = new_figure(5.4, 1.2 + 1.75 * rows, rows, min(2, len(noises)))
    colours = _colours(len(tables))
    severities = range(int(max(table["severity"].max() for table in tables.values())) + 1)
    for place, noise in enumerate(noises):
        chart = axes.flat[place]
        for (name, table), colour in zip(tables.items(), colours):
            _draw_curve(chart, table, noise, shorten(name, 40) if len(tables) > 1 else score_title(metric), colour)
        chart.set_title(noise_name(noise), fontsize=10, pad=4)
        chart.set(xlim=(-0.15, severities[-1] + 0.15), ylim=(0, 1.03), yticks=np.linspace(0, 1, 6))
        chart.set_xticks(severities, ["clean", *map(str, severities[1:])])
        chart.tick_params(labelbottom=place + 2 >= len(noises), labelleft=place % 2 == 0, labelsize=9)
        if place % 2 == 0:
            chart.set_ylabel(score_title(metric))
        if place // 2 == rows - 1:
            chart.set_xlabel("severity")
    set_heading(figure, title)
    if axes.size > len(noises):
        spare = axes.flat[-1]
        spare.set_axis_off()
        spare.legend(*axes[0, 0].get_legend_handles_labels(), loc="center", fontsize=9, title=_HOW, title_fontsize=9)
    else:
        legend_below(axes[0, 0], 2)
        figure.legends[0].set_title(_HOW.replace("\n", ", "), prop={"size": 9})
    return figure


@themed
def robustness_table(
    found: Found | Mapping[str, Found], *, metric: str = "macro_f1", title: str = "Scores under noise"
) -> Figure:
    """All scores as numbers: a row a noise, a column a severity, a block of rows a model; the redder the more is lost.

    Args:
        found: as for `robustness_curves`.
        metric: as for `robustness_curves`.
        title: the figure's title.
    """
    tables = _tables(found, metric)
    noises = _noises(tables)
    if not noises:
        return message_figure("no noise was scored", title)
    severities = sorted({int(each) for table in tables.values() for each in table["severity"]})
    grids = []
    for table in tables.values():
        by_place = table.set_index(["noise", "severity"])["value"]
        clean = by_place.get(("clean", 0), np.nan)
        grids.append(
            [[clean if not each else by_place.get((noise, each), np.nan) for each in severities] for noise in noises]
        )
    height = 1.5 + len(tables) * (0.32 * len(noises) + 0.42)
    figure, axes = new_figure(5.4, height, len(tables), 1)
    for chart, (name, grid) in zip(axes[:, 0], zip(tables, grids)):
        _draw_grid(chart, np.array(grid, float), noises, severities)
        if len(tables) > 1:
            chart.set_title(shorten(name, 50), fontsize=10, pad=4)
        chart.tick_params(labelbottom=chart is axes[-1, 0])
    axes[-1, 0].set_xlabel("severity")
    set_heading(figure, f"{title}: {score_title(metric)}")
    return figure


def noise_name(name: str) -> str:
    """Returns what figures and pages call a noise: ``salt_and_pepper`` is "salt and pepper"."""
    return shorten(
        {"rician": "Rician", "gaussian": "Gaussian", "gaussian_blur": "Gaussian blur"}.get(
            name, name.replace("_", " ")
        ),
        34,
    )


def _tables(found: Found | Mapping[str, Found], metric: str) -> dict[str, pd.DataFrame]:
    """The rows of one score for each model, by its name."""
    results = {found["name"]: found} if "table" in found else found
    tables = {name: pd.DataFrame(each["table"]) for name, each in results.items()}
    floats = dict.fromkeys(("value", "low", "high"), float)
    return {name: table[table["metric"] == metric].astype(floats) for name, table in tables.items()}


def _noises(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    return [
        name for name in dict.fromkeys(name for table in tables.values() for name in table["noise"]) if name != "clean"
    ]


def _colours(count: int) -> Sequence[Any]:
    return _COLOURS if count <= len(_COLOURS) else seaborn.husl_palette(count, s=0.75, l=0.5)


def _draw_curve(chart: Axes, table: pd.DataFrame, noise: str, label: str, colour: Any) -> None:
    own = table[table["noise"].isin(["clean", noise])].sort_values("severity")
    clean = own.loc[own["severity"] == 0, "value"]
    chart.axhline(float(clean.iloc[0]), color=colour, linewidth=0.9, linestyle="--", alpha=0.6)
    if (own["severity"] > 0).any():
        chart.fill_between(own["severity"], own["low"], own["high"], color=colour, alpha=0.14, linewidth=0)
        chart.plot(own["severity"], own["value"], color=colour, marker="o", ms=3.2, linewidth=1.4, label=label)


def _draw_grid(chart: Axes, grid: np.ndarray, noises: Sequence[str], severities: Sequence[int]) -> None:
    lost = grid[:, :1] - grid
    chart.imshow(lost, cmap=seaborn.light_palette(WARNING, as_cmap=True), vmin=0, vmax=_MOST, aspect="auto")
    for row, column in np.ndindex(*grid.shape):
        value = grid[row, column]
        chart.text(
            column, row, number(value, 2) if np.isfinite(value) else "–", ha="center", va="center", fontsize=9.5,
            color="white" if lost[row, column] > 0.6 * _MOST else INK if np.isfinite(value) else MUTED,
        )  # fmt: skip
    chart.set_yticks(range(len(noises)), [noise_name(noise) for noise in noises])
    chart.set_xticks(range(len(severities)), ["clean" if not each else str(each) for each in severities])
    chart.grid(visible=False)
    chart.tick_params(length=0)
    for spine in chart.spines.values():
        spine.set_visible(False)
