"""Figures of the checks of explanations: where maps point, what randomised weights and covered parts change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from braintumor_tf.explanation.checks.outside_head import WHOLE, WITHOUT_BACKGROUND, WITHOUT_BORDER
from braintumor_tf.report.plots.style import (
    ACCENT,
    FAINT,
    INK,
    MUTED,
    WARNING,
    legend_below,
    message_figure,
    new_figure,
    set_heading,
    themed,
)
from braintumor_tf.report.wording.numbers import plain

_ROW = 0.36  # inches
_CHARACTER = 0.09  # inches
_USUAL_NAME = 18  # characters


@themed
def localisation_scores(table: pd.DataFrame, *, title: str = "Do the maps point at the lesion?") -> Figure:
    """Dots with 95 % bars for each method: hits of the pointing game, and energy on the lesion, on scales of their own.

    References, which do not depend on the model, are grey. The dotted line is what guessing gives. Where lesions are
    known as boxes, the axes say so.

    Args:
        table: of `explanation.localisation_check`; several of them one below the other, once the names of `method` are
            made to differ.
        title: the figure's title.
    """
    if table.empty:
        return message_figure("no lesion is known", title)
    names = [method_name(name) for name in table["method"]]
    longer = max(0, max(map(len, names)) - _USUAL_NAME)
    figure, axes = new_figure(5.4 + _CHARACTER * longer, 1.5 + _ROW * len(table), 1, 2)
    colours = [MUTED if reference else ACCENT for reference in table["reference"]]
    where = "in the box" if "boxes" in table and (table["boxes"] == table["images"]).all() else "on the lesion"
    for chart, key, guess, label in (
        (axes[0, 0], "pointing", "pointing_by_chance", f"peaks {where}"),
        (axes[0, 1], "energy", "area_share", f"energy {where}"),
    ):
        chart.axvline(table[guess].mean(), color=WARNING, linewidth=1.2, linestyle=":", label="by guessing")
        _dots(chart, table, key, names if key == "pointing" else [""] * len(names), colours)
        highest = float(table[[key, f"{key}_high"]].max().max())
        chart.set(xlim=(0, min(max(1.15 * highest, 1e-3), 1.0)), xlabel=f"{label},\nshare")
    legend_below(axes[0, 0], 1)
    set_heading(figure, title)
    return figure


@themed
def randomisation_curve(table: pd.DataFrame, *, title: str = "Does the map depend on what was learned?") -> Figure:
    """Similarity of maps with those of the trained network while its layers are randomised from the top down.

    The dashed lines show how alike the maps of two different images are: what has nothing to do with each other.

    Args:
        table: of `explanation.randomisation_check`.
        title: the figure's title.
    """
    if table.empty:
        return message_figure("the check was not made", title)
    if not table["images"].max():
        return message_figure("the maps are the same everywhere, so they cannot change", title)
    other = table[table["step"] == "another image"]
    steps = table[table["step"] != "another image"].reset_index(drop=True)
    figure, axes = new_figure(5.2, 4.4)
    chart, positions = axes[0, 0], np.arange(len(steps))
    for key, name, colour, marker in (("spearman", "rank correlation", ACCENT, "o"), ("ssim", "SSIM", "#e69f00", "s")):
        low, high = (steps[f"{key}_{end}"].astype(float) for end in ("low", "high"))
        chart.fill_between(positions, low, high, color=colour, alpha=0.15, linewidth=0)
        chart.plot(positions, steps[key], marker=marker, color=colour, ms=5, label=name)
        if len(other):
            chart.axhline(float(other[key].iloc[0]), color=colour, linewidth=1.1, linestyle="--", zorder=1)
    if len(other):
        chart.plot([], [], color=MUTED, linewidth=1.1, linestyle="--", label="between two images")
    chart.axhline(0, color=FAINT, linewidth=1, zorder=0)
    chart.set_xticks(positions, ["trained", *(_layer(name) for name in steps["down_to"][1:])], rotation=55, ha="right",
                     rotation_mode="anchor", fontsize=8.5)  # fmt: skip
    lowest = float(steps[["spearman_low", "ssim_low", "spearman", "ssim"]].min().min())
    chart.set(ylim=(min(-0.1, lowest - 0.05), 1.05), ylabel="similarity with the trained map")
    set_heading(figure, title)
    chart.set_xlabel("random from the top down to")
    chart.grid(axis="x", visible=False)
    legend_below(chart, 3)
    return figure


@themed
def masking_drops(table: pd.DataFrame, *, title: str = "What covering a part costs the true class") -> Figure:
    """Dots with 95 % bars: the drop of the true class's probability where lesion, control or border is covered.

    Args:
        table: of `explanation.masking_check`.
        title: the figure's title.
    """
    table = table[table["masked"] != "nothing"] if len(table) else table
    if table.empty:
        return message_figure("no lesion is known", title)
    names = {"lesion": "the lesion", "elsewhere": "as much elsewhere", "border": "the border strip"}
    figure, axes = new_figure(4.9, 1.2 + _ROW * len(table))
    chart = axes[0, 0]
    colours = [WARNING if name == "lesion" else MUTED for name in table["masked"]]
    _dots(chart, table, "drop", [names.get(name, name) for name in table["masked"]], colours)
    chart.axvline(0, color=INK, linewidth=1, zorder=0)
    low, high = float(table["drop_low"].min()), float(table["drop_high"].max())
    edges = [value for value in (low, high, 0.0) if np.isfinite(value)]
    chart.set(xlim=(min(edges) - 0.05, max(edges) + 0.08), xlabel="drop of probability with 95 % interval")
    set_heading(figure, title)
    return figure


@themed
def outside_scores(table: pd.DataFrame, *, title: str = "Does the score come from the head?") -> Figure:
    """Dots with 95 % bars: balanced accuracy with parts of the image covered, and that of a constant answer.

    Args:
        table: of `explanation.outside_check`.
        title: the figure's title.
    """
    if table.empty:
        return message_figure("the check was not made", title)
    figure, axes = new_figure(4.9, 1.5 + _ROW * len(table))
    chart = axes[0, 0]
    inside = {WHOLE, WITHOUT_BORDER, WITHOUT_BACKGROUND}
    colours = [ACCENT if name in inside else WARNING for name in table["shown"]]
    _dots(chart, table, "balanced_accuracy", [str(name) for name in table["shown"]], colours)
    chart.axvline(table["constant"].iloc[0], color=MUTED, linewidth=1.2, linestyle=":", label="always the same answer")
    chart.set(xlim=(0, 1.0), xlabel="balanced accuracy with 95 % interval")
    set_heading(figure, title)
    legend_below(chart, 1)
    return figure


@themed
def image_versions(versions: Mapping[str, np.ndarray], *, title: str = "What the model was shown") -> Figure:
    """Versions of one image side by side, as `outside_versions` and `lesion_versions` of `explanation` make them.

    Args:
        versions: images, uint8, by name.
        title: the figure's title.
    """
    columns = 2 if len(versions) == 4 else min(3, len(versions))
    rows = -(-len(versions) // columns)
    figure, axes = new_figure(1.75 * columns, 2.15 * rows + 0.4, rows, columns)
    for chart in axes.ravel():
        chart.set_axis_off()
    for chart, (name, image) in zip(axes.ravel(), versions.items()):
        chart.imshow(image, cmap="gray", vmin=0, vmax=255)
        chart.set_title(str(name), fontsize=8.8, fontweight="normal", pad=4)
    set_heading(figure, title)
    return figure


def _dots(chart: Axes, table: pd.DataFrame, key: str, names: Sequence[str], colours: Sequence[str]) -> None:
    """Draws one dot and bar a row, the first on top, the value at the right edge."""
    for height, (row, colour) in enumerate(zip(table.to_dict("records"), colours)):
        value, low, high = (row[name] for name in (key, f"{key}_low", f"{key}_high"))
        if pd.notna(low) and pd.notna(high):
            chart.plot([low, high], [height, height], color=colour, linewidth=2.2, alpha=0.75, solid_capstyle="round")
        chart.plot([value], [height], "o", color=colour, ms=7, clip_on=False)
        text = plain(value, digits=2 if abs(value) >= 0.1 else 3)
        beside = {"xycoords": chart.get_yaxis_transform(), "textcoords": "offset points", "annotation_clip": False}
        chart.annotate(text, (1.0, height), xytext=(7, 0), va="center", fontsize=9.5, color=colour, **beside)
    chart.set_yticks(range(len(names)), names)
    chart.set_ylim(len(names) - 0.5, -0.7)
    chart.grid(axis="y", visible=False)


def method_name(name: str) -> str:
    """Returns what figures call a method of explanation or a reference."""
    known = {"random": "random map", "uniform": "same everywhere", "head": "head alone", "centre": "picture's middle"}
    return known.get(
        name, name.replace("grad_cam_plus_plus", "Grad-CAM++").replace("grad_cam", "Grad-CAM").replace("_", " ")
    )


def _layer(name: str) -> str:
    return str(name).replace("normalization", "norm").replace("convolution", "conv").replace("_", " ")
