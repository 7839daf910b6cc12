"""Figures of training."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from braintumor_tf.report.plots.style import MUTED, SPLIT_COLOURS, legend_below, message_figure, new_figure, themed

PANELS = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "macro_f1": "Macro-F1",
    "learning_rate": "Learning rate",
}
"""What a training history may hold, and the title of its panel; validation columns are named ``val_<name>``."""


def history_panels(history: pd.DataFrame | None) -> list[str]:
    """Returns which of `PANELS` a history has numbers for."""
    if history is None or history.empty:
        return []
    return [name for name in PANELS if _has(history, name) or _has(history, f"val_{name}")]


@themed
def training_curves(
    history: pd.DataFrame | None, *, panels: list[str] | None = None, title: str = "Training curves"
) -> Figure:
    """Curves of loss and scores over the epochs, for training and validation images.

    A dotted line marks the epoch with the lowest validation loss; where training had stages, all but the last are
    shaded and named.

    Args:
        history: one row an epoch; `epoch`, `stage` and any of the columns named by `PANELS`, with and without ``val_``.
        panels: which of `PANELS` to draw; None draws all that the history has.
        title: the figure's title, in the message shown where there is nothing to draw.
    """
    panels = [name for name in history_panels(history) if panels is None or name in panels]
    if not panels:
        return message_figure("no training history", title)
    epochs = history["epoch"] if _has(history, "epoch") else pd.Series(range(1, len(history) + 1), index=history.index)
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = new_figure(4.6 * columns if columns > 1 else 4.9, 3.6 * rows, rows, columns)
    for chart in axes.ravel()[len(panels) :]:
        chart.set_axis_off()
    for chart, name in zip(axes.ravel(), panels, strict=False):
        _panel(chart, history, epochs, name)
    legend_below(axes[0, 0], 3)
    return figure


def _panel(chart: Axes, history: pd.DataFrame, epochs: pd.Series, name: str) -> None:
    marker = "o" if len(history) <= 12 else ""
    for column, label, split, style in (
        (name, "training", "train", "--"),
        (f"val_{name}", "validation", "validation", "-"),
    ):
        if _has(history, column):
            chart.plot(epochs, history[column], style, marker=marker, ms=4, color=SPLIT_COLOURS[split], label=label)
    if _has(history, "val_loss"):
        best = epochs[history["val_loss"].idxmin()]
        chart.axvline(best, color=MUTED, linestyle=":", linewidth=1.2, label="lowest validation loss")
    _shade_stages(chart, history, epochs)
    if name in ("accuracy", "macro_f1"):
        chart.set_ylim(top=1.0)
    if name == "learning_rate":
        chart.set_ylim(bottom=0)
        chart.ticklabel_format(axis="y", style="plain")
        chart.yaxis.set_major_formatter("{x:.2g}")
    chart.xaxis.get_major_locator().set_params(integer=True)
    chart.set(title=PANELS[name], xlabel="epoch", ylabel="")


def _shade_stages(chart: Axes, history: pd.DataFrame, epochs: pd.Series) -> None:
    """Lays a grey ground under every stage but the last."""
    if not _has(history, "stage"):
        return
    stages = history["stage"].astype(str)
    for place, stage in enumerate(stages.unique()[:-1]):
        own = epochs[stages == stage]
        chart.axvspan(
            own.min() - 0.5,
            own.max() + 0.5,
            color=MUTED,
            alpha=(0.16, 0.08)[place % 2],
            linewidth=0,
            label=f"stage “{stage.replace('_', ' ')}”",
        )


def _has(history: pd.DataFrame, column: str) -> bool:
    return column in history and history[column].notna().any()
