"""Figures of the data: classes, image sizes, near-duplicate groups, and what near-duplicates are worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from braintumor_tf.report.plots.style import (
    ACCENT,
    FAINT,
    MUTED,
    SPLIT_COLOURS,
    SPLITS,
    WARNING,
    class_colours,
    legend_below,
    message_figure,
    new_figure,
    shorten,
    split_name,
    themed,
)

_GROUP_BINS = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 20), (21, 50), (51, None))


@themed
def class_balance(manifest: pd.DataFrame, *, title: str = "Images of each class") -> Figure:
    """Bars of the number of images of each class, one colour a split.

    Args:
        manifest: the table of images (`label`, `split`).
        title: the figure's title.
    """
    if manifest.empty:
        return message_figure("no images", title)
    counts = pd.crosstab(manifest["label"], manifest["split"])
    splits = [name for name in SPLITS if name in counts] + sorted(set(counts) - set(SPLITS))
    height = max(2.6, 1.5 + 0.24 * len(counts) * min(len(splits), 4))
    figure, axes = new_figure(4.9, min(height, 14))
    chart = axes[0, 0]
    table = counts[splits].reset_index().melt("label", var_name="split", value_name="images")
    table["label"] = table["label"].map(lambda name: shorten(name, 20))
    palette = {name: SPLIT_COLOURS.get(name, MUTED) for name in splits}
    seaborn.barplot(
        table,
        y="label",
        x="images",
        hue="split",
        hue_order=splits,
        palette=palette,
        saturation=1,
        errorbar=None,
        ax=chart,
    )
    for bars in chart.containers:
        chart.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=9, color=MUTED)
    chart.margins(x=0.12)
    chart.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    chart.grid(axis="y", visible=False)
    chart.set(title=title, xlabel="images", ylabel="")
    if chart.get_legend() is not None:
        chart.get_legend().remove()
    names = [split_name(name) for name in splits]
    figure.legend(chart.containers, names, loc="outside lower center", ncols=len(splits))
    return figure


@themed
def image_sizes(manifest: pd.DataFrame, *, title: str = "Image sizes") -> Figure:
    """Scatter of width against height, one colour a class; a larger dot stands for more images of that size.

    Sizes that go with a class are a shortcut that a model can learn, so they are worth a look.

    Args:
        manifest: the table of images (`label`, `width`, `height`).
        title: the figure's title.
    """
    if manifest.empty:
        return message_figure("no images", title)
    table = manifest.groupby(["label", "width", "height"]).size().rename("images").reset_index()
    table = table.sort_values("images", ascending=False)
    colours = class_colours(sorted(table["label"].unique()))
    figure, axes = new_figure(4.9, 4.4 + 0.11 * len(colours))
    chart = axes[0, 0]
    top = float(max(table["width"].max(), table["height"].max())) * 1.08
    chart.axline((0, 0), slope=1, color=MUTED, linewidth=0.8, linestyle=":", zorder=0)
    area = 16 + 420 * np.sqrt(table["images"] / max(table["images"].sum(), 1))
    for label, colour in colours.items():
        rows = table["label"] == label
        chart.scatter(
            table.loc[rows, "width"],
            table.loc[rows, "height"],
            s=area[rows],
            color=colour,
            alpha=0.6,
            linewidth=0.4,
            edgecolor="white",
            label=shorten(label),
        )
    chart.set(title=title, xlabel="width (pixels)", ylabel="height (pixels)", xlim=(0, top), ylim=(0, top))
    legend_below(chart, 2)
    for handle in figure.legends[0].legend_handles:
        handle.set_sizes([45])
    return figure


@themed
def group_sizes(manifest: pd.DataFrame, *, title: str = "Sizes of the near-duplicate groups") -> Figure:
    """Histogram of the number of images in a near-duplicate group.

    Args:
        manifest: the table of images with `group` filled.
        title: the figure's title.
    """
    named = manifest.loc[manifest["group"].astype(str) != "", "group"] if len(manifest) else pd.Series(dtype=str)
    if named.empty:
        return message_figure("the images have not been grouped", title)
    sizes = named.value_counts()
    names, groups, images = [], [], []
    for low, high in _GROUP_BINS:
        inside = sizes[(sizes >= low) & (sizes <= (high or sizes.max()))]
        names.append(str(low) if low == high else f"{low}–{high}" if high else f"over {low - 1}")
        groups.append(len(inside))
        images.append(int(inside.sum()))
    last = max(index for index, count in enumerate(groups) if count) + 1
    figure, axes = new_figure(4.9, 3.7)
    chart = axes[0, 0]
    position = np.arange(last)
    bars = chart.bar(position, groups[:last], color=ACCENT, width=0.72)
    captions = [f"{g:,}\n({i:,})" if g else "" for g, i in zip(groups[:last], images[:last], strict=True)]
    chart.bar_label(bars, captions, padding=2, fontsize=9, color=MUTED)
    chart.set_xticks(position, names[:last])
    chart.margins(y=0.2)
    chart.set_xlim(-0.6, max(last, 4) - 0.4)
    chart.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    chart.grid(axis="x", visible=False)
    chart.set(title=title, xlabel="images in a group", ylabel="groups (images)")
    return figure


@themed
def leak_curve(curve: pd.DataFrame | None, *, title: str = "What near-duplicates are worth") -> Figure:
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
        lose = "test images that lose a near-duplicate"
        chart.bar(position, curve["hidden_share"], width=0.5, color=FAINT, zorder=0, label=lose)
    first = float(curve["accuracy"].iloc[0])
    chart.axhline(first, color=WARNING, linewidth=1, linestyle=":", zorder=1)
    chart.set_xticks(position, [f"{value:.3g}" if value <= 1 else "none" for value in curve["threshold"]])
    chart.set(ylim=(0, 1.02), title=title, ylabel="share", xlabel="training images are hidden above this similarity")
    chart.grid(axis="x", visible=False)
    if len(curve) > 9:
        chart.tick_params(axis="x", labelrotation=60)
    legend_below(chart, 1)
    return figure
