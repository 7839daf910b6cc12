"""The figures of a run: each is saved as a file, and those that the page shows are embedded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from braintumor_tf.report import plots
from braintumor_tf.report.plots.selection import scored_images
from braintumor_tf.report.plots.style import save_figure
from braintumor_tf.report.plots.training import PANELS, history_panels
from braintumor_tf.report.sections.embedding import embed_image, keep_figure


def write_figures(
    folder: Path,
    metrics: Mapping[str, Any],
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
    *,
    history: pd.DataFrame | None = None,
    leak_curve: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Draws every figure of a run, saves them as PNG in `folder`, and returns those that the page embeds.

    Returns:
        For each picture of the template ``source`` (a ``data:`` address), ``alt`` and ``caption``.
    """
    tested = scored_images(predictions, metrics)
    matrix = metrics.get("confusion_matrix") or {}
    labels, counts = list(matrix.get("labels") or []), matrix.get("counts") or []
    embedded: dict[str, Any] = {"leak": None, "groups": None, "counts": None, "rates": None, "training": []}

    def keep(name: str, figure: Figure, alt: str, caption: str = "") -> None:
        embedded[name] = keep_figure(figure, folder / f"{name}.png", alt=alt, caption=caption)

    keep(
        "intervals",
        plots.score_intervals(metrics),
        "Scores of the model and of the baselines with 95 % intervals",
        "Filled: accuracy. Hollow: macro-F1. The band is the model's interval of macro-F1.",
    )
    if leak_curve is not None and len(leak_curve):
        keep(
            "leak",
            plots.leak_curve(leak_curve),
            "Accuracy of the nearest neighbour against hidden similarity",
            "What is left of the nearest neighbour's accuracy when ever less similar training images are hidden.",
        )
    if labels:
        save_figure(plots.confusion_matrix(counts, labels), folder / "confusion_matrix.png")
        for panel in ("counts", "rates"):
            figure = plots.confusion_matrix(counts, labels, panels=[panel])
            alt = f"Confusion matrix in {panel}, rows true, columns predicted"
            embedded[panel] = {"source": embed_image(figure), "alt": alt, "caption": ""}
    keep("roc", plots.roc_curves(tested), "ROC curves, each class against the rest")
    keep(
        "precision_recall",
        plots.precision_recall_curves(tested),
        "Precision-recall curves, each class against the rest",
    )
    keep("balance", plots.class_balance(manifest), "Number of images of each class and split")
    keep("sizes", plots.image_sizes(manifest), "Width and height of the images, by class",
         "Sizes that go with a class are a shortcut that a model can learn.")  # fmt: skip
    if (manifest["group"].astype(str) != "").any():
        keep("groups", plots.group_sizes(manifest), "Histogram of the sizes of near-duplicate groups")
    if history_panels(history):
        save_figure(plots.training_curves(history), folder / "training_curves.png")
        for panel in history_panels(history):
            source = embed_image(plots.training_curves(history, panels=[panel]))
            embedded["training"].append({"source": source, "alt": f"{PANELS[panel]} over the epochs", "caption": ""})
    save_figure(plots.sample_grid(manifest), folder / "sample_grid.png")
    save_figure(plots.predicted_grid(tested), folder / "predicted_grid.png")
    save_figure(plots.worst_errors(tested), folder / "worst_errors.png")
    return embedded
