"""Figures of what the model got right: confusion matrices, ROC and precision-recall curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from braintumor_tf.predictions_table import classes_in, probabilities_of
from braintumor_tf.report.plots.style import (
    FAINT,
    class_colours,
    legend_below,
    message_figure,
    new_figure,
    shorten,
    themed,
)
from braintumor_tf.report.wording.numbers import number

_LEGEND_LINES = 10


@themed
def confusion_matrix(
    counts: Sequence[Sequence[int]] | np.ndarray, labels: Sequence[str], *, panels: Sequence[str] = ("counts", "rates")
) -> Figure:
    """The confusion matrix in counts and in rates, side by side.

    Args:
        counts: integers of shape ``(classes, classes)``, rows true, columns predicted.
        labels: the classes in that order.
        panels: ``"counts"``, ``"rates"`` (each row divided by its sum; a class that is not in the test set
            has no rate), or both.
    """
    counts = np.asarray(counts, dtype=float).reshape(len(labels), len(labels))
    if not len(labels):
        return message_figure("no classes", "Confusion matrix")
    side = float(np.clip(2.6 + 0.55 * len(labels), 3.6, 9.5))
    figure, axes = new_figure(side * 1.12 * len(panels), side, 1, len(panels))
    names = [shorten(label, 14) for label in labels]
    sums = counts.sum(axis=1, keepdims=True)
    rates = np.divide(counts, sums, out=np.full_like(counts, np.nan), where=sums > 0)
    for chart, panel in zip(axes[0], panels, strict=True):
        # The colour is the rate in both, so that a common class does not drown a rare one.
        texts = _texts(counts, rates, panel)
        _heat(chart, np.nan_to_num(rates), texts, names)
        title = "Confusion matrix: images" if panel == "counts" else "Confusion matrix: share of each true class"
        chart.set_title(title if len(panels) == 1 else title.split(": ")[1].capitalize(), wrap=True)
    return figure


def _texts(counts: np.ndarray, rates: np.ndarray, panel: str) -> np.ndarray:
    if panel == "counts":
        zero = "0" if len(counts) <= 8 else ""
        return np.array([[f"{value:.0f}" if value else zero for value in row] for row in counts], dtype=object)
    if len(counts) <= 8:
        return np.array([[number(value, 2) for value in row] for row in rates], dtype=object)
    return np.array(
        [["–" if np.isnan(v) else f"{100 * v:.0f}" if v else "" for v in row] for row in rates], dtype=object
    )


def _heat(chart: Axes, shades: np.ndarray, texts: np.ndarray, names: list[str]) -> None:
    size = float(np.clip(56 / max(len(names), 1), 6.5, 11))
    seaborn.heatmap(
        shades,
        annot=texts,
        fmt="",
        cmap="Blues",
        vmin=0,
        vmax=1,
        cbar=False,
        square=True,
        linewidths=1,
        linecolor="white",
        xticklabels=names,
        yticklabels=names,
        annot_kws={"fontsize": size},
        ax=chart,
    )
    chart.tick_params(length=0, labelsize=min(10, size + 1))
    chart.set_xticks(chart.get_xticks(), names, rotation=40, ha="right", rotation_mode="anchor")
    chart.set_yticks(chart.get_yticks(), names, rotation=0)
    chart.set(xlabel="predicted", ylabel="true")


@themed
def roc_curves(predictions: pd.DataFrame, *, title: str = "ROC, each class against the rest") -> Figure:
    """ROC curves one-vs-rest, with the area under each.

    Args:
        predictions: the table of predictions (`label`, and ``p_<class>`` for each class).
        title: the figure's title.
    """
    return _curves(predictions, title, "roc")


@themed
def precision_recall_curves(predictions: pd.DataFrame, *, title: str = "Precision and recall, each class") -> Figure:
    """Precision-recall curves one-vs-rest, with the average precision of each.

    Args:
        predictions: the table of predictions (`label`, and ``p_<class>`` for each class).
        title: the figure's title.
    """
    return _curves(predictions, title, "precision_recall")


def _curves(predictions: pd.DataFrame, title: str, kind: str) -> Figure:
    classes = classes_in(predictions)
    colours = class_colours(classes)
    rows = min(len(classes), _LEGEND_LINES)
    figure, axes = new_figure(4.7, 3.9 + 0.2 * rows)
    chart, drawn, absent = axes[0, 0], 0, []
    for label in classes:
        truth = predictions["label"].to_numpy() == label
        scores = probabilities_of(predictions, [label])[:, 0]
        if truth.all() or not truth.any():
            absent.append(label)
            continue
        x, y, caption = _roc(truth, scores) if kind == "roc" else _precision_recall(truth, scores)
        name = f"{shorten(label, 22 if len(classes) <= 4 else 11)}: {caption}" if drawn < _LEGEND_LINES else None
        chart.plot(
            x, y, color=colours[label], label=name, clip_on=False, drawstyle="steps-post" if kind != "roc" else None
        )
        drawn += 1
    if not drawn:
        return message_figure("needs at least two classes among the scored images", title)
    if kind == "roc":
        chart.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--")
        chart.set(xlabel="false alarms (share of the rest)", ylabel="found (share of the class)")
    else:
        chart.set(xlabel="recall (share of the class found)", ylabel="precision (share of alarms right)")
    chart.set(title=title, xlim=(0, 1), ylim=(0, 1.0))
    chart.set_aspect("equal")
    _legend(chart, drawn, absent)
    return figure


def _legend(chart: Axes, drawn: int, absent: list[str]) -> None:
    if drawn > _LEGEND_LINES:
        chart.plot([], [], alpha=0, label=f"and {drawn - _LEGEND_LINES} more")
    if absent:
        names = ", ".join(shorten(name, 16) for name in absent[:3]) + (" …" if len(absent) > 3 else "")
        chart.plot([], [], alpha=0, label=f"not among the images: {names}")
    legend_below(chart, 1 if drawn <= 4 else 2)


def _roc(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    x, y, _ = roc_curve(truth, scores)
    return x, y, f"AUC {number(roc_auc_score(truth, scores))}"


def _precision_recall(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    y, x, _ = precision_recall_curve(truth, scores)
    return x, y, f"AP {number(average_precision_score(truth, scores))}"
