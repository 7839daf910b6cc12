"""The report's section on calibration: its sentences, its figures, and that it is only there for calibrated runs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES
from braintumor_tf.evaluation import measure_calibration
from braintumor_tf.files import write_csv
from braintumor_tf.report import plots, write_report
from braintumor_tf.report.sections.calibration import (
    calibration_section,
    calibration_sentences,
    effect_sentence,
    temperature_warning,
)
from braintumor_tf.report.wording.numbers import signed
from braintumor_tf.runs import Run
from tests.evaluation.made_predictions import drawn
from tests.report.conftest import make_run


def _measured(temperature=0.4, images=400, alpha=0.1, classes=CLASSES):
    tables = (drawn(images, seed, temperature, split, classes) for seed, split in ((1, "validation"), (2, "test")))
    return measure_calibration(*tables, classes, alpha=alpha, resamples=30).to_dict()


def test_the_section_is_there_for_calibrated_runs_only(manifest, tmp_path):
    run = Run(make_run(tmp_path / "run", manifest))
    page = write_report(run).read_text(encoding="utf-8")
    assert 'id="calibration"' not in page and "#calibration" not in page
    run.write_calibration(_measured())
    page = write_report(run).read_text(encoding="utf-8")
    assert 'id="calibration"' in page and 'href="#calibration"' in page and "overconfident" in page
    for name in ("reliability", "risk_coverage", "set_sizes"):
        assert (run.figures / f"{name}.png").is_file()
    assert "<td>None" not in page and "nan" not in page.lower().split("base64")[0]


def test_the_sentences_say_what_was_measured():
    boastful, honest = _measured(0.4, 2000), _measured(1.0, 2000)
    assert "overconfident" in calibration_sentences(boastful)[0] and "off by more than luck" in " ".join(
        calibration_sentences(boastful)
    )
    assert "no clear evidence" in " ".join(calibration_sentences(honest))
    assert "underconfident" in calibration_sentences(_measured(2.0))[0]
    few = " ".join(calibration_sentences(_measured(images=40, alpha=0.01)))
    assert "Too few validation groups to promise anything for glioma" in few
    validation, test = drawn(400, 1, 1.0, "validation"), drawn(400, 2)
    columns = [f"p_{name}" for name in CLASSES]
    elsewhere = test.assign(**dict(zip(columns, np.roll(test[columns].to_numpy(), 1, axis=1).T)))
    shifted = measure_calibration(validation, elsewhere, CLASSES, resamples=30).to_dict()
    assert "fewer than stated" in " ".join(calibration_sentences(shifted))


def _applied_to(stated, images=600, resamples=60):
    """Calibration of a model whose validation images are overconfident and whose test images are stated otherwise."""
    validation, test = drawn(600, 1, 0.4, "validation"), drawn(images, 2, stated)
    return measure_calibration(validation, test, CLASSES, resamples=resamples).to_dict()


def test_a_temperature_that_made_calibration_worse_on_test_is_said_and_warned_of(manifest, tmp_path):
    worse = _applied_to(2.0)
    said = " ".join(calibration_sentences(worse))
    before, after = (worse["scores"][when]["negative_log_likelihood"]["value"] for when in ("before", "after"))
    change = worse["changes"]["negative_log_likelihood"]
    assert "The temperature made calibration worse on the test images: expected calibration error 0." in said
    assert f"log loss {before:.3f} without and {after:.3f} with it, {signed(change)}." in said
    assert change["low"] > 0 and "Do not use the calibrated probabilities" in temperature_warning(worse)
    run = Run(make_run(tmp_path / "run", manifest))
    run.write_calibration(worse)
    page = write_report(run).read_text(encoding="utf-8")
    card = (run.path / "MODEL_CARD.md").read_text(encoding="utf-8")
    for text in (page, card):
        assert text.count("The temperature made calibration worse on the test images") == 2, "verdict and section"
    better = _applied_to(0.4)
    assert "makes none of expected calibration error, Brier score and log loss larger" in effect_sentence(better)
    assert temperature_warning(better) == "" == temperature_warning(None)


def test_a_score_that_is_larger_but_not_told_apart_is_said_and_not_warned_of():
    found = _applied_to(0.4)
    change = {"value": 0.01, "low": -0.02, "high": 0.04}
    found["changes"]["brier_score"] = change
    assert effect_sentence(found).startswith(
        "On the test images Brier score is larger with the temperature, but not told apart from without: Brier score 0."
    )
    assert ", +0.010 (−0.020 to +0.040)." in effect_sentence(found) and temperature_warning(found) == ""


def test_the_section_holds_the_numbers_as_text(tmp_path):
    found = _measured()
    section = calibration_section(found, folder=tmp_path)
    assert [row["label"] for row in section["classes"]] == list(CLASSES) and section["stated"] == "90 %"
    coverage = found["conformal"]["classes"]["glioma"]["coverage"]["value"]
    assert section["classes"][0]["coverage"]["value"] == f"{coverage:.3f}"
    assert [row["wanted"] for row in section["risks"]] == ["1 %", "2 %", "5 %", "10 %"]
    assert len(section["figures"]) == 3 and calibration_section(None, folder=tmp_path) is None


@pytest.mark.parametrize("classes", [CLASSES, BINARY_CLASSES, tuple(f"class {number}" for number in range(9))])
def test_the_figures_draw_what_was_measured(classes, tmp_path):
    found = _measured(images=300, classes=classes)
    diagram = plots.reliability_diagram(found)
    filled = pd.DataFrame(found["reliability"]["before"]).query("images > 0")
    np.testing.assert_allclose(diagram.axes[0].lines[1].get_ydata(), filled["accuracy"])
    np.testing.assert_allclose([bar.get_height() for bar in diagram.axes[2].patches], filled["images"])
    curve = plots.risk_coverage(found).axes[0].lines[0]
    np.testing.assert_allclose(curve.get_xdata(), [row["coverage"] for row in found["selective"]["curve"]])
    bars = plots.set_sizes(found).axes[0].patches
    shown = [name for name, each in found["conformal"]["classes"].items() if each["test_images"]]
    assert sum(bar.get_width() for bar in bars) == pytest.approx(len(shown))


def test_labels_of_points_that_lie_together_are_one():
    found = _measured()
    row = {"threshold": 0.5, "coverage": {"value": 1.0}, "risk": {"value": 0.05, "low": 0.02, "high": 0.08}}
    apart = {**row, "coverage": {"value": 0.6}, "risk": {"value": 0.01, "low": 0.0, "high": 0.02}, "risk_wanted": 0.01}
    together = [{**row, "risk_wanted": wanted} for wanted in (0.05, 0.1)]
    drawn_with = {**found, "selective": {**found["selective"], "at_risk": [apart, *together]}}
    labels = [text.get_text() for text in plots.risk_coverage(drawn_with).axes[0].texts]
    assert labels == ["1 %", "5, 10 %"]


def test_a_run_as_read_from_its_file_is_drawn_alike(tmp_path):
    found = _measured(images=60)  # with empty bins, which a file holds as null
    run = Run(tmp_path)
    run.write_calibration(found)
    write_csv(tmp_path / "predictions.csv", drawn(5))
    for plot in (plots.reliability_diagram, plots.risk_coverage, plots.set_sizes):
        assert plot(run.calibration)._repr_png_() == plot(found)._repr_png_()
