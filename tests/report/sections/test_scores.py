"""What the report says of intervals and of patients."""

from __future__ import annotations

import numpy as np
import pandas as pd

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import score_predictions
from braintumor_tf.evaluation.scores.proportions import MEASURED_COVERAGE
from braintumor_tf.report.sections.scores import interval_sentences, patient_section, patient_sentences
from tests.evaluation.made_predictions import softmax, table


def made(people: int) -> dict:
    """The scores of three images a person, the last two of unknown people."""
    generator = np.random.default_rng(0)
    person = np.repeat(np.arange(people), 3)
    logits = generator.normal(size=(len(person), 4)) + 2 * np.eye(4)[person % 4]
    rows = table(softmax(logits), person % 4, person)
    patient = [f"p{number}" for number in person[:-2]] + ["", ""]
    manifest = rows[["path", "label", "split", "group"]].assign(source="made", patient=patient)
    return score_predictions(rows, manifest, CLASSES, resamples=100).to_dict()


def test_few_groups_are_said_with_the_coverage_that_was_measured():
    method, few = interval_sentences(made(20))
    assert "100 draws of groups" in method and "rest on fewer than 10 groups" in few
    assert f"at least {100 * MEASURED_COVERAGE[2]:.0f} %" in few and "on as much as 5 of equal size" in few
    assert len(interval_sentences(made(160))) == 1, "with many groups there is nothing to add"


def test_intervals_of_earlier_versions_are_called_too_narrow():
    metrics = made(20)
    metrics["interval"].pop("method")
    for old in (metrics, {}):
        (sentence,) = interval_sentences(old)
        assert "percentile bootstraps" in sentence and "too narrow" in sentence and "braintumor-tf evaluate" in sentence


def test_patients_stand_beside_images():
    metrics = made(20)
    found = patient_section(metrics)
    assert found["sentence"].startswith("20 patients with 58 test images.")
    assert found["sentence"].endswith("2 test images of unknown patients are left out.")
    rows = pd.DataFrame(found["rows"]).set_index("title")
    assert list(rows.index[:3]) == ["Accuracy", "Balanced accuracy", "Macro-F1"]
    assert rows.loc["Recall of glioma, 5 patients", "patient"]["value"] == "1.000"
    assert rows.loc["Accuracy", "image"]["value"] == f"{metrics['accuracy']['value']:.3f}"
    (line,) = patient_sentences(metrics)
    assert line.startswith("Over 20 patients, images together: accuracy 0.95 (")
    for nobody in ({}, {"patients": None}):
        assert patient_section(nobody) is None and patient_sentences(nobody) == []


def test_a_patient_of_two_labels_is_said_to_count_twice():
    metrics = made(20)
    metrics["patients"] |= {"cases": 22, "unknown": 0}
    sentence = patient_section(metrics)["sentence"]
    assert "22 cases" in sentence and sentence.endswith("No test image’s patient is unknown.")
