from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES
from braintumor_tf.errors import ImageReadError, RunError
from braintumor_tf.report import plots, write_report
from braintumor_tf.report.rendering import render
from braintumor_tf.report.sections.embedding import embed_image
from braintumor_tf.runs import Run
from tests.report.conftest import make_manifest, make_run, three_digits
from tests.report.html_page import Page, check_page


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> tuple[Run, Page]:
    folder = tmp_path_factory.mktemp("run")
    run = Run.of(make_run(folder / "first", make_manifest(folder / "images")))
    return run, check_page(write_report(run))


def test_a_report_is_one_wellformed_selfcontained_page(written):
    run, page = written
    assert page.text.count("Research use only") == 2
    assert (run.path / "report.html").is_file()
    assert pyplot.get_fignums() == []


def test_a_report_writes_figures_and_tables(written):
    run, _ = written
    names = {path.name for path in run.figures.iterdir()}
    assert {"intervals.png", "confusion_matrix.png", "roc.png", "training_curves.png", "sample_grid.png"} <= names
    assert all(path.stat().st_size <= 200_000 for path in run.figures.iterdir())
    predictions = run.predictions
    errors = pd.read_csv(run.path / "error_analysis.csv")
    assert len(errors) == (predictions["label"] != predictions["predicted"]).sum()
    assert len(pd.read_csv(run.path / "metrics_summary.csv")) > 5


def test_the_numbers_of_the_page_are_those_of_the_run(written):
    run, page = written
    metrics, tested, manifest = run.metrics, run.predictions, run.manifest
    for name in ("accuracy", "macro_f1", "roc_auc", "average_precision", "tumour_sensitivity", "tumour_specificity"):
        found = metrics[name]
        assert three_digits(found["value"]) in page.text
        assert f"{three_digits(found['low'])}–{three_digits(found['high'])}" in page.text
    low, high = metrics["macro_f1"]["low"], metrics["macro_f1"]["high"]
    assert f"Macro-F1 {metrics['macro_f1']['value']:.2f} (95 % interval {low:.2f}–{high:.2f})" in page.text
    assert f"on {len(tested)} test images from {tested['group'].nunique()} groups" in page.text
    assert f"0 of {len(tested)} test images have a near-duplicate in training" in page.text
    assert "(nearest neighbour on thumbnails) reaches 0.37" in page.text
    assert f"Missed tumours {metrics['missed_tumours']} of" in page.text
    assert f"False alarms {metrics['false_alarms']} of" in page.text
    errors = int((tested["label"] != tested["predicted"]).sum())
    assert f"{errors} of {len(tested)} test images were labelled wrongly" in page.text
    for label in CLASSES:
        train = int(((manifest["label"] == label) & (manifest["split"] == "train")).sum())
        assert f" {train} " in page.text


def test_sections_come_in_order(written):
    run, _ = written
    text = (run.path / "report.html").read_text(encoding="utf-8")
    order = ["scores", "shortcuts", "classes", "tumour", "curves", "data", "proof", "images", "recompute"]
    assert re.findall(r'<section id="(\w+)">', text) == order


def test_names_from_the_user_are_escaped(tmp_path):
    classes = ("<script>alert(1)</script>", "no_tumor", 'a"b&c')
    manifest = make_manifest(tmp_path / "<b>images</b>", classes, images=9)
    path = write_report(make_run(tmp_path / "run", manifest, classes, dataset="<img src=x onerror=alert(1)>"))
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text and "<img src=x" not in text and "<b>images" not in text
    assert classes[0] in unescape(text)
    check_page(path)


def test_a_report_without_history_baselines_pictures_or_some_scores(tmp_path):
    manifest = make_manifest(tmp_path / "images", BINARY_CLASSES)
    folder = make_run(tmp_path / "run", manifest, BINARY_CLASSES)
    (folder / "history.csv").unlink()
    metrics = json.loads((folder / "metrics.json").read_text())
    none = {"value": None, "low": None, "high": None}
    metrics.update(baselines={}, roc_auc=none, average_precision=none, tumour_sensitivity=none, tumour_specificity=none)
    metrics["classes"]["tumor"].update(precision=none, roc_auc=none)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    for path in manifest["path"]:
        Path(path).unlink()
    page = check_page(write_report(folder))
    assert "No shortcut baseline was scored" in page.text
    assert "no training curves" in page.text
    assert "cannot be read" in page.text
    assert "tumour" not in page.ids


def test_baselines_a_leak_curve_and_unreadable_files_are_shown_where_they_are_known(tmp_path, manifest):
    bad = [{"path": "glioma/<broken>.jpg", "reason": "empty file (0 bytes)"}]
    folder = make_run(tmp_path / "run", manifest, unreadable=bad)
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["baselines"]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    curve = pd.DataFrame({"threshold": [1.1, 0.99], "accuracy": [0.9, 0.7]})
    page = check_page(
        write_report(folder, baselines={"border": {"value": 0.123, "low": None, "high": None}}, leak_curve=curve)
    )
    assert "Border strip alone reaches accuracy 0.12" in page.text
    assert "ever less similar training images" in page.text
    assert "1 unreadable file, left out" in page.text
    assert "glioma/<broken>.jpg" in page.text


def test_many_classes_stay_one_small_page(tmp_path):
    classes = tuple(f"classe № {place} – nom très long et sans fin" for place in range(12))
    check_page(write_report(make_run(tmp_path / "run", make_manifest(tmp_path / "images", classes, 3), classes)))


def test_a_run_that_is_not_scored_is_refused(tmp_path, manifest):
    folder = make_run(tmp_path / "run", manifest)
    (folder / "metrics.json").unlink()
    with pytest.raises(RunError, match=r"no metrics\.json"):
        write_report(folder)


def test_pictures_are_embedded(manifest, tmp_path):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert embed_image(grey).startswith("data:image/png;base64,")
    assert embed_image(grey, kind="jpeg").startswith("data:image/jpeg;base64,")
    assert embed_image(manifest["path"].iloc[0], kind="jpeg", side=8).startswith("data:image/jpeg;base64,")
    figure = plots.class_balance(manifest)
    assert len(embed_image(figure, side=100)) < len(embed_image(figure))
    with pytest.raises(ValueError, match="gif"):
        embed_image(grey, kind="gif")
    with pytest.raises(ImageReadError):
        embed_image(tmp_path / "absent.png")


def test_a_template_refuses_a_missing_value():
    with pytest.raises(Exception, match="undefined"):
        render("report.html")
