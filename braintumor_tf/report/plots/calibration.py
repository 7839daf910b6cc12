"""Figures of calibration: the reliability diagram, error against answered share, and the sizes of conformal sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from braintumor_tf.report.plots.style import (
    ACCENT,
    FAINT,
    MUTED,
    WARNING,
    legend_below,
    message_figure,
    new_figure,
    set_heading,
    shorten,
    themed,
)
from braintumor_tf.report.wording.numbers import number

_VERSIONS = {"before": "as the model says", "after": "after temperature"}
_SIZES = ("#9aa5b1", "#3546a0", "#e69f00", "#d55e00", "#882255")
"""Colours of sets of no class, one, two, three, and more."""

_LABEL_WIDTH, _LABEL_HEIGHT = 0.1, 0.06
"""What the label of a point takes of either axis."""


@themed
def reliability_diagram(calibration: Mapping[str, Any], *, title: str = "Does the confidence come true?") -> Figure:
    """Accuracy against confidence in bins, before and after the temperature, with the number of images below.

    Points under the dashed line: overconfident. Bars are 95 % intervals over groups; a bin of one group has none.

    Args:
        calibration: as in ``calibration.json``.
        title: the figure's title.

    """
    figure, axes = new_figure(6.4, 4.5, 2, 2)
    lowest = min(row["low"] for rows in calibration["reliability"].values() for row in rows if row["images"])
    for column, (key, name) in enumerate(_VERSIONS.items()):
        table = pd.DataFrame(calibration["reliability"][key])
        filled = table[table["images"] > 0].astype(float)
        chart, counts = axes[0, column], axes[1, column]
        chart.plot([0, 1], [0, 1], color=MUTED, linewidth=1.1, linestyle="--")
        chart.plot(filled["confidence"], filled["accuracy"], color=ACCENT, marker="o", ms=4.5, linewidth=1.3)
        known = filled.dropna(subset=["accuracy_low"])
        chart.vlines(known["confidence"], known["accuracy_low"], known["accuracy_high"], color=ACCENT, linewidth=1.2)
        error = calibration["scores"][key]["expected_calibration_error"]["value"]
        chart.set_title(f"{name}: error {number(error)}", fontsize=10, fontweight="normal")
        chart.set(xlim=(lowest, 1.01), ylim=(-0.03, 1.05), ylabel="accuracy" if column == 0 else "")
        chart.tick_params(labelbottom=False)
        counts.bar(
            filled["low"], filled["images"], width=filled["high"] - filled["low"], align="edge", color=FAINT,
            edgecolor="white",
        )  # fmt: skip
        counts.set(xlim=(lowest, 1.01), xlabel="confidence", ylabel="images" if column == 0 else "")
        counts.grid(axis="x", visible=False)
    top = max(chart.get_ylim()[1] for chart in axes[1])
    for chart in axes[1]:
        chart.set_ylim(0, top)
    axes[0, 0].get_gridspec().set_height_ratios([2.6, 1])
    set_heading(figure, title)
    return figure


@themed
def risk_coverage(calibration: Mapping[str, Any], *, title: str = "What is gained by not answering all?") -> Figure:
    """Error among the answered test images against the share that is answered, the most confident first.

    Args:
        calibration: as in ``calibration.json``.
        title: the figure's title.
    """
    found = calibration["selective"]
    curve = pd.DataFrame(found["curve"])
    figure, axes = new_figure(4.9, 4.0)
    chart = axes[0, 0]
    chart.plot(
        curve["coverage"], curve["risk"], color=ACCENT, drawstyle="steps-post",
        label=f"most confident first (area {number(found['area']['value'])})",
    )  # fmt: skip
    total = found["risk"]["value"]
    chart.axhline(total, color=MUTED, linewidth=1.1, linestyle="--", label="all answered, or left out at random")
    chosen = [row for row in found["at_risk"] if row["threshold"] is not None and row["risk"]["value"] is not None]
    for place, row in enumerate(chosen):
        low, high = row["risk"]["low"], row["risk"]["high"]
        x, label = row["coverage"]["value"], "threshold from validation, 95 %" if not place else None
        if low is not None:
            chart.plot([x, x], [low, high], color=WARNING, linewidth=1.2)
        chart.plot(x, row["risk"]["value"], "o", color=WARNING, ms=5, label=label, clip_on=False)
    ends = [total, curve["risk"].max(), *(row["risk"]["high"] or 0 for row in chosen)]
    top = max(1.1 * max(ends), 0.02)
    for (x, y), wanted in _near_together(chosen, top):
        chart.annotate(
            f"{', '.join(f'{100 * each:g}' for each in wanted)} %", (x, y), xytext=(-6, 6), textcoords="offset points",
            ha="right", color=WARNING, fontsize=9,
        )  # fmt: skip
    chart.set(xlim=(0, 1.02), ylim=(0, top), xlabel="share answered", ylabel="error among the answered")
    chart.set_title(title)
    legend_below(chart, 1)
    return figure


def _near_together(rows: list[Mapping[str, Any]], top: float) -> list[tuple[tuple[float, float], list[float]]]:
    """Puts together the errors wanted whose points lie so near that their labels would overlap; the first is labelled.

    Returns:
        Pairs of a point and the errors wanted there.
    """
    found: list[tuple[tuple[float, float], list[float]]] = []
    for row in rows:
        x, y = row["coverage"]["value"], row["risk"]["value"]
        if found and abs(x - found[-1][0][0]) < _LABEL_WIDTH and abs(y - found[-1][0][1]) < _LABEL_HEIGHT * top:
            found[-1][1].append(row["risk_wanted"])
        else:
            found.append(((x, y), [row["risk_wanted"]]))
    return found


@themed
def set_sizes(calibration: Mapping[str, Any], *, title: str = "How many classes stay plausible?") -> Figure:
    """Stacked bars for each true class: the share of its test images whose conformal set holds 0, 1, 2 … classes.

    Args:
        calibration: as in ``calibration.json``.
        title: the figure's title.
    """
    classes = {name: each for name, each in calibration["conformal"]["classes"].items() if each["test_images"]}
    if not classes:
        return message_figure("no test image", title)
    most = min(len(calibration["classes"]), len(_SIZES) - 1)
    shares = []
    for each in classes.values():
        sizes = np.array(each["sizes"], float)
        shares.append([*sizes[:most], sizes[most:].sum()] / sizes.sum())
    shares = np.array(shares)
    figure, axes = new_figure(5.2, 1.9 + 0.42 * len(classes))
    chart, left = axes[0, 0], np.zeros(len(classes))
    places = np.arange(len(classes))
    for size in range(most + 1):
        more = size == most and len(calibration["classes"]) > most
        name = f"{size} or more" if more else {0: "0", 1: "1: answered"}.get(size, str(size))
        chart.barh(places, shares[:, size], left=left, color=_SIZES[size], height=0.62, label=name)
        left += shares[:, size]
    names = [f"{shorten(name, 16)} ({each['test_images']:,})" for name, each in classes.items()]
    chart.set_yticks(places, names)
    chart.invert_yaxis()
    chart.set(xlim=(0, 1), xlabel="share of the class's test images")
    chart.grid(axis="y", visible=False)
    set_heading(figure, title)
    legend_below(chart, most + 1)
    return figure
