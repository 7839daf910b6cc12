"""The shortcut audit: its sentences say what was measured, every number once, and with what certainty."""

from __future__ import annotations

import pandas as pd
import pytest

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import score_predictions
from braintumor_tf.leakage import near_duplicate_in_training
from braintumor_tf.report.sections.covered_parts import covered_sentences
from braintumor_tf.report.sections.shortcuts import (
    baseline_sentence,
    near_duplicate_sentence,
    shortcut_section,
    shortcut_sentences,
)
from braintumor_tf.report.wording.numbers import number, plain, signed
from tests.report.conftest import make_predictions
from tests.report.made_explanations import EXPLANATIONS


def metrics_with(low, value, high, reached=0.7):
    """Metrics of a model that is `value` above a border baseline of macro-F1 `reached`."""
    above = {"value": value, "low": low, "high": high}
    border = {"value": 0.6, "macro_f1": {"value": reached}, "model_above": {"macro_f1": above}}
    return {"macro_f1": {"value": reached + value}, "baselines": {"border": border}}


@pytest.mark.parametrize(
    ("low", "value", "high", "words"),
    [
        (0.09, 0.13, 0.17, "the model’s 0.83 is 0.13 (0.09 to 0.17) above it: the model is better."),
        (-0.02, 0.03, 0.08, "the model’s 0.73 is 0.03 (−0.02 to 0.08) above it: the two are not told apart."),
        (-0.12, -0.04, 0.05, "the model’s 0.66 is 0.04 (−0.05 to 0.12) below it: the two are not told apart."),
        (-0.3, -0.2, -0.1, "the model’s 0.50 is 0.20 (0.10 to 0.30) below it: the model is worse."),
        (None, 0.13, None, "the model’s 0.83 is 0.13 above it: the two are not told apart, for there is no interval."),
    ],
)
def test_a_baseline_gets_the_verdict_of_the_paired_interval(low, value, high, words):
    sentence = baseline_sentence(metrics_with(low, value, high), "border")
    assert sentence == f"Border strip alone reaches macro-F1 0.70; {words}"


def test_scores_without_a_kept_difference_are_subtracted():
    metrics = {"accuracy": {"value": 0.9}, "baselines": {"metadata": {"value": 0.4}, "border": {"value": None}}}
    assert "reaches accuracy 0.40; the model’s 0.90 is 0.50 above it" in baseline_sentence(metrics, "metadata")
    assert baseline_sentence(metrics, "border") == ""
    assert len(shortcut_sentences(metrics, pd.Series([False] * 10))) == 2


def test_near_duplicates_are_set_against_the_rest():
    scores = {"twins": {"accuracy": {"value": 0.98}}, "clean": {"accuracy": {"value": 0.48}}}
    scores["twins"]["above_clean"] = {"value": 0.5, "low": 0.4, "high": 0.6}
    assert near_duplicate_sentence(scores, 205, 394) == (
        "On the 205 test images with a near-duplicate in training accuracy is 0.98, 0.50 (0.40 to 0.60) above the 0.48 "
        "on the 189 without: memory carries a part of the score."
    )
    assert "0.50 above the 0.48" in near_duplicate_sentence(
        {**scores, "twins": {"accuracy": {"value": 0.98}}}, 205, 394
    )
    assert "there is no score on others" in near_duplicate_sentence({"twins": scores["twins"]}, 394, 394)
    assert near_duplicate_sentence({}, 0, 394).startswith("0 of the 394 test images")


def test_covered_parts_say_what_they_cost():
    assert covered_sentences(EXPLANATIONS) == [
        "With the border strip blackened accuracy changes by −0.10 (−0.15 to −0.05): the model uses it.",
        "With everything but the head blackened accuracy changes by +0.00 (−0.01 to +0.01): not told apart from "
        "no change.",
        "With the head blackened balanced accuracy is 0.25 (0.25–0.25), that of a constant answer 0.25: not told "
        "apart from it.",
        "With the head filled with one grey balanced accuracy is 0.51 (0.45–0.57), that of a constant answer 0.25: "
        "40 % of what the model is better by needs nothing inside the head.",
    ]
    assert covered_sentences(None) == [] == covered_sentences({"outside": []})


def test_the_section_holds_what_the_run_measured(manifest, predictions, tmp_path):
    other = {"border": make_predictions(manifest, strength=1.0)}
    metrics = score_predictions(predictions, manifest, CLASSES, baselines=other, resamples=40).to_dict()
    section = shortcut_section(
        metrics, near_duplicate_in_training(predictions, manifest), EXPLANATIONS, folder=tmp_path
    )
    model, border = section["baselines"]
    above = metrics["baselines"]["border"]["model_above"]["macro_f1"]
    assert model["model"] and model["above"]["value"] == ""
    assert border["above"]["value"] == plain(above["value"], "+")
    assert border["above"]["interval"] == signed(above).partition("(")[2].rstrip(")")
    assert number(metrics["macro_f1"]["value"], 2) in section["sentences"][0]
    assert [one["title"] for one in section["covered"]] == [one["shown"] for one in EXPLANATIONS["outside"]]
    assert section["figure"] and (tmp_path / "outside_head.png").is_file()
    unchecked = shortcut_section(metrics, pd.Series(dtype=bool), None, folder=tmp_path)
    assert unchecked["covered"] == [] and unchecked["figure"] is None
