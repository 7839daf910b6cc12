"""The report of a run: one HTML page that holds everything, the figures as files, and two tables."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from braintumor_tf.files import write_text
from braintumor_tf.report import plots
from braintumor_tf.report.model_card.card import FILE as CARD
from braintumor_tf.report.model_card.card import render_model_card
from braintumor_tf.report.pages.embedding import embed_image, keep_figure, render
from braintumor_tf.report.pages.run_tables import write_tables
from braintumor_tf.report.plots.style import save_figure
from braintumor_tf.report.plots.training import PANELS, history_panels
from braintumor_tf.report.sections.calibration import calibration_section
from braintumor_tf.report.sections.members import members_section
from braintumor_tf.report.sections.robustness import robustness_section
from braintumor_tf.report.sections.shortcuts import shortcut_section
from braintumor_tf.report.sections.tables import (
    class_rows,
    flat_settings,
    score_rows,
    size_summary,
    split_table,
    tumour_counts,
    unreadable_rows,
)
from braintumor_tf.report.sections.tiles import HEADLINES, prediction_tiles, sample_tiles, score_tiles
from braintumor_tf.report.sections.trust import trust_section
from braintumor_tf.report.sections.verdict import run_verdict, setting
from braintumor_tf.report.wording.numbers import CLASS_SCORES, number, score
from braintumor_tf.report.wording.selection import predicted_rows, scored_images, twin_mask, worst_rows
from braintumor_tf.report.wording.texts import PROOF, PROTOCOLS, resamples_text, run_title
from braintumor_tf.runs import Run

__all__ = ["embed_image", "render", "write_figures", "write_report"]

CONTENTS = (
    ("scores", "Scores"),
    ("members", "Members"),
    ("shortcuts", "Shortcut audit"),
    ("classes", "Classes"),
    ("tumour", "Any tumour"),
    ("calibration", "Calibration"),
    ("robustness", "Noise"),
    ("trust", "Explanations"),
    ("curves", "Curves"),
    ("data", "Data"),
    ("proof", "What the split proves"),
    ("images", "Predictions"),
    ("recompute", "How to recompute it"),
)


def write_report(
    run: Run | str | Path, baselines: Mapping[str, Any] | None = None, leak_curve: pd.DataFrame | None = None
) -> Path:
    """Writes ``report.html``, ``MODEL_CARD.md``, ``figures/*.png`` and the tables of `write_tables` into a run.

    A run that `explain.check_explanations` has looked at, or that `evaluation.calibrate_run` has calibrated, gets a
    section of what was found.
    The page is one file that loads nothing: pictures are embedded, there are no scripts, and it prints.

    Args:
        run: the run, or its directory.
        baselines: scores of the dumb baselines, as in ``metrics.json``, for a run whose metrics have none.
        leak_curve: the table that `plots.leak_curve` draws; None takes the run's ``leak_curve.csv`` if there is one.

    Returns:
        The path of ``report.html``.

    Raises:
        RunError: the run is missing or has not been scored.
    """
    run = Run.of(run)
    metrics, predictions, manifest = run.metrics, run.predictions, run.manifest
    if baselines and not metrics.get("baselines"):
        metrics = {**metrics, "baselines": dict(baselines)}
    curve_file = run.path / "leak_curve.csv"
    if leak_curve is None and curve_file.is_file():
        leak_curve = pd.read_csv(curve_file)
    write_tables(run.path, metrics, predictions)
    figures = write_figures(run.figures, metrics, predictions, manifest, run.history, leak_curve)
    context = _context(run, metrics, predictions, manifest)
    page, card = render("report.html", figures=figures, **context), render_model_card(run)
    write_text(run.path / CARD, card)
    return write_text(run.path / "report.html", page)


def write_figures(
    folder: Path,
    metrics: Mapping[str, Any],
    predictions: pd.DataFrame,
    manifest: pd.DataFrame,
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
        embedded[name] = keep_figure(figure, folder / f"{name}.png", alt, caption)

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
            figure = plots.confusion_matrix(counts, labels, [panel])
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
            source = embed_image(plots.training_curves(history, [panel]))
            embedded["training"].append({"source": source, "alt": f"{PANELS[panel]} over the epochs", "caption": ""})
    save_figure(plots.sample_grid(manifest), folder / "sample_grid.png")
    save_figure(plots.predicted_grid(tested), folder / "predicted_grid.png")
    save_figure(plots.worst_errors(tested), folder / "worst_errors.png")
    return embedded


def _context(run: Run, metrics: Mapping[str, Any], predictions: pd.DataFrame, manifest: pd.DataFrame) -> dict[str, Any]:
    config, name, explanations = run.config, run.name, run.explanations
    tested = scored_images(predictions, metrics)
    twins = twin_mask(tested, manifest)
    tumour, trust = tumour_counts(metrics, tested), trust_section(explanations, run.figures)
    members, calibration = members_section(metrics, config), calibration_section(run.calibration, run.figures)
    noise = robustness_section(run.robustness, run.figures, config)
    optional = (("tumour", tumour), ("calibration", calibration), ("trust", trust), ("members", members))
    absent = {link for link, found in (*optional, ("robustness", noise)) if not found}
    names = {"members": members["title"]} if members else {}
    protocol = setting(config, "protocol")
    unreadable = setting(config, "unreadable")
    return {
        "title": run_title(config, name),
        "subtitle": f"Run “{name}”, {len(manifest):,} images, protocol “{protocol or 'not recorded'}”",
        "made": datetime.date.today().isoformat(),
        "verdict": run_verdict(metrics, predictions, manifest, config, explanations),
        "contents": [(link, names.get(link, name)) for link, name in CONTENTS if link not in absent],
        "tiles": score_tiles(metrics, len(tested)),
        "scores": score_rows(metrics, HEADLINES),
        "resamples": resamples_text(metrics),
        "proof": PROOF,
        "shortcuts": shortcut_section(metrics, twins, explanations, run.figures),
        "classes": class_rows(metrics),
        "class_columns": list(CLASS_SCORES.values()),
        "tumour": tumour,
        "members": members,
        "calibration": calibration,
        "robustness": noise,
        "trust": trust,
        "splits": split_table(manifest),
        "sizes": size_summary(manifest),
        "unreadable": unreadable_rows(unreadable)[:200],
        "unreadable_count": unreadable if isinstance(unreadable, int) else 0,
        "split_text": PROTOCOLS.get(str(protocol), "How the split was made was not recorded."),
        "samples": sample_tiles(manifest),
        "predicted": prediction_tiles(predicted_rows(tested, 12)),
        "worst": prediction_tiles(worst_rows(tested, 12)),
        "errors": f"{int((tested['label'] != tested['predicted']).sum()):,}",
        "images": f"{len(tested):,}",
        "accuracy": number(score(metrics, "accuracy")["value"]),
        "settings": flat_settings(config),
    }
