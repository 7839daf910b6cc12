"""The report of a run: one HTML page that holds everything, the figures as files, and two tables."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from braintumor_tf.evaluation.scores.tables import error_table, summary_table
from braintumor_tf.files import write_csv, write_text
from braintumor_tf.leakage.groups import near_duplicate_in_training
from braintumor_tf.report.model_card.card import FILE as CARD
from braintumor_tf.report.model_card.card import render_model_card
from braintumor_tf.report.pages.run_figures import write_figures
from braintumor_tf.report.plots.selection import predicted_rows, scored_images, worst_rows
from braintumor_tf.report.rendering import render
from braintumor_tf.report.sections.calibration import calibration_section
from braintumor_tf.report.sections.data import (
    people_summary,
    size_summary,
    source_sentences,
    split_table,
    unreadable_rows,
)
from braintumor_tf.report.sections.embedding import prediction_tiles, sample_tiles
from braintumor_tf.report.sections.ladder import ladder_section
from braintumor_tf.report.sections.members import members_section
from braintumor_tf.report.sections.robustness import robustness_section
from braintumor_tf.report.sections.scores import (
    HEADLINES,
    class_rows,
    interval_sentences,
    patient_section,
    score_rows,
    score_tiles,
    tumour_counts,
)
from braintumor_tf.report.sections.shortcuts import shortcut_section
from braintumor_tf.report.sections.trust import trust_section
from braintumor_tf.report.sections.verdict import run_verdict
from braintumor_tf.report.wording.metrics import CLASS_SCORES, score
from braintumor_tf.report.wording.numbers import number
from braintumor_tf.report.wording.run_texts import flat_settings, proof_text, run_title, setting, sides_text
from braintumor_tf.runs import Run
from braintumor_tf.runs.readers import check_files, read_rows

CONTENTS = (
    ("scores", "Scores"),
    ("members", "Members"),
    ("ladder", "Leak ladder"),
    ("shortcuts", "Shortcut audit"),
    ("classes", "Classes"),
    ("tumour", "Tumour or no tumour"),
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
    run: Run | str | Path, *, baselines: Mapping[str, Any] | None = None, leak_curve: pd.DataFrame | None = None
) -> Path:
    """Writes ``report.html``, ``MODEL_CARD.md``, ``figures/*.png`` and two tables into a run.

    The tables are ``error_analysis.csv`` (the errors) and ``metrics_summary.csv`` (the scores). A run that was
    calibrated, scored under noise, or whose explanations were checked gets a section of what was found, and so does
    the rung ``patient`` of a leak ladder. The page is
    one file that loads nothing: pictures are embedded, there are no scripts, and it prints.

    Args:
        run: the run, or its directory.
        baselines: scores of the shortcut baselines, as in ``metrics.json``, for a run whose metrics have none.
        leak_curve: the table that `plots.leak_curve` draws; None takes the run's
            ``leak_curve.csv``, if it has that file.

    Returns:
        The path of ``report.html``.

    Example:
        >>> write_report("models/cnn")  # doctest: +SKIP
        PosixPath('models/cnn/report.html')

    Raises:
        RunError: the run is missing, has not been scored, or one of its files is damaged; nothing is written then.
    """
    run = Run.of(run)
    check_files(run.path)  # before figures are drawn and tables are written
    metrics, predictions, manifest = run.metrics, run.predictions, run.manifest
    if baselines and not metrics.get("baselines"):
        metrics = {**metrics, "baselines": dict(baselines)}
    curve_file = run.path / "leak_curve.csv"
    if leak_curve is None and curve_file.is_file():
        leak_curve = read_rows(curve_file)
    write_csv(run.path / "error_analysis.csv", error_table(predictions, split=metrics.get("split", "test")))
    write_csv(run.path / "metrics_summary.csv", summary_table(metrics))
    figures = write_figures(run.figures, metrics, predictions, manifest, history=run.history, leak_curve=leak_curve)
    context = _context(run, metrics, predictions, manifest)
    page, card = render("report.html", figures=figures, **context), render_model_card(run)
    write_text(run.path / CARD, card)
    return write_text(run.path / "report.html", page)


def _context(run: Run, metrics: Mapping[str, Any], predictions: pd.DataFrame, manifest: pd.DataFrame) -> dict[str, Any]:
    config, name, explanations = run.config, run.name, run.explanations
    tested = scored_images(predictions, metrics)
    near_duplicates = near_duplicate_in_training(tested, manifest)
    tumour, trust = tumour_counts(metrics, tested), trust_section(explanations, folder=run.figures)
    members, calibration = members_section(metrics, config), calibration_section(run.calibration, folder=run.figures)
    noise = robustness_section(run.robustness, config, folder=run.figures)
    ladder = ladder_section(run.ladder, folder=run.figures)
    optional = (("tumour", tumour), ("calibration", calibration), ("trust", trust), ("members", members))
    absent = {link for link, found in (*optional, ("robustness", noise), ("ladder", ladder)) if not found}
    names = {"members": members["title"]} if members else {}
    protocol = setting(config, "protocol")
    unreadable = setting(config, "unreadable")
    return {
        "title": run_title(config, name),
        "subtitle": f"Run “{name}”, {len(manifest):,} images, protocol “{protocol or 'not recorded'}”",
        "made": datetime.date.today().isoformat(),
        "verdict": run_verdict(
            metrics, predictions, manifest, config, explanations=explanations, calibration=run.calibration
        ),
        "contents": [(link, names.get(link, name)) for link, name in CONTENTS if link not in absent],
        "tiles": score_tiles(metrics, len(tested)),
        "scores": score_rows(metrics, without=HEADLINES),
        "interval_sentences": interval_sentences(metrics),
        "patients": patient_section(metrics),
        "proof": proof_text(config),
        "shortcuts": shortcut_section(metrics, near_duplicates, explanations, folder=run.figures),
        "classes": class_rows(metrics),
        "class_columns": list(CLASS_SCORES.values()),
        "tumour": tumour,
        "members": members,
        "ladder": ladder,
        "calibration": calibration,
        "robustness": noise,
        "trust": trust,
        "splits": split_table(manifest),
        "sizes": size_summary(manifest),
        "people": people_summary(manifest),
        "sources": source_sentences(manifest, config),
        "remarks": config.get("data_remarks") or [],
        "unreadable": unreadable_rows(unreadable)[:200],
        "unreadable_count": unreadable if isinstance(unreadable, int) else 0,
        "split_text": sides_text(config, manifest),
        "samples": sample_tiles(manifest),
        "predicted": prediction_tiles(predicted_rows(tested)),
        "worst": prediction_tiles(worst_rows(tested)),
        "errors": f"{int((tested['label'] != tested['predicted']).sum()):,}",
        "images": f"{len(tested):,}",
        "accuracy": number(score(metrics, "accuracy").value),
        "settings": flat_settings(config),
    }
