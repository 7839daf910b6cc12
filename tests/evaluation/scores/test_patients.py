"""Scores of patients: who is put together, what is right, who is left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, recall_score

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import score_predictions, summary_table
from braintumor_tf.evaluation.scores.patients import patient_cases, score_patients
from braintumor_tf.files import to_json
from tests.evaluation.intervals_by_hand import proportion
from tests.evaluation.made_predictions import softmax, table


def made(images: int = 240, people: int = 48, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions of people with one label each, but for the last four, who have two; some people are not known."""
    generator = np.random.default_rng(seed)
    person = generator.integers(0, people, images)
    label = np.where((person >= people - 4) & (np.arange(images) % 2 == 0), (person + 1) % 4, person % 4)
    logits = generator.normal(0, 1.5, (images, 4)) + 1.5 * np.eye(4)[label]
    predictions = table(softmax(logits), label, person)
    patients = np.where(person < 6, "", np.char.add("p", person.astype(str)))
    return predictions, predictions[["path", "label", "split", "group"]].assign(source="made", patient=patients)


def test_patients_are_scored_as_a_loop_over_them_does():
    predictions, manifest = made()
    truth, named, groups, images = [], [], [], 0
    known = manifest["patient"] != ""
    for (_, label), rows in predictions[known].groupby([manifest["patient"][known], "label"]):
        mean = rows[[f"p_{name}" for name in CLASSES]].mean()
        truth.append(label)
        named.append(CLASSES[int(np.argmax(mean.to_numpy()))])
        groups.append(rows["group"].iloc[0])
        images += len(rows)
    found = score_patients(predictions.sample(frac=1, random_state=1), manifest, CLASSES)
    assert found.cases == len(truth) == found.patients + 4 and found.patients == 42
    assert found.images == images and found.unknown == len(predictions) - images > 0
    assert found.accuracy.value == pytest.approx(accuracy_score(truth, named))
    assert found.macro_f1.value == pytest.approx(f1_score(truth, named, average="macro"))
    recalls = recall_score(truth, named, labels=list(CLASSES), average=None)
    assert [found.recall[name].value for name in CLASSES] == pytest.approx(list(recalls))
    assert found.balanced_accuracy.value == pytest.approx(recalls.mean())
    assert [found.support[name] for name in CLASSES] == [truth.count(name) for name in CLASSES]
    right, groups = np.array(truth) == np.array(named), np.array(groups)
    ends = proportion(right, np.ones(len(right), bool), groups)
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx(ends)


def test_a_patient_is_right_by_the_mean_probability_not_by_the_number_of_right_images():
    rows = table(np.array([[0.9, 0.1, 0, 0], [0.45, 0.55, 0, 0], [0.45, 0.55, 0, 0]]), [0, 0, 0], [1, 1, 1])
    manifest = rows[["path", "label", "group"]].assign(source="made", patient="7")
    cases = patient_cases(rows, manifest, CLASSES)
    assert (rows["predicted"] == "glioma").sum() == 1
    assert cases[["person", "images", "predicted"]].to_numpy().tolist() == [["made:7", 3, "glioma"]]


def test_equal_patients_of_two_data_sets_are_two_people():
    rows = table(np.eye(4)[[0, 0]], [0, 0], [1, 2])
    manifest = rows[["path", "label", "group"]].assign(source=["one", "two"], patient="7")
    assert score_patients(rows, manifest, CLASSES).patients == 2
    assert score_patients(rows, manifest.assign(source="one"), CLASSES).patients == 1


def test_one_person_is_one_group_whatever_groups_say():
    rows = table(np.eye(4)[[0, 1]], [0, 1], ["a", "b"])
    manifest = rows[["path", "label", "group"]].assign(source="one", patient="7")
    found = score_patients(rows, manifest, CLASSES)
    assert found.patients == 1 and found.cases == 2 and found.accuracy.low is None, "one person tells nothing of others"


def test_the_scores_of_a_split_hold_those_of_its_patients():
    predictions, manifest = made()
    metrics = score_predictions(predictions, manifest, CLASSES, resamples=50).to_dict()
    to_json(metrics)
    assert metrics["patients"] == score_patients(predictions, manifest, CLASSES, resamples=50).to_dict()
    summary = summary_table(metrics).set_index("score")
    assert summary.loc["patients.recall.glioma", "value"] == metrics["patients"]["recall"]["glioma"]["value"]
    nobody = score_predictions(predictions, manifest.drop(columns=["source", "patient"]), CLASSES, resamples=50)
    assert nobody.patients is None and nobody.to_dict()["patients"] is None


def test_intervals_from_few_groups_are_named():
    predictions, manifest = made(images=120, people=30)
    found = score_predictions(predictions, manifest, CLASSES, resamples=50)
    rare = predictions.loc[predictions["label"] == "glioma", "group"]
    sizes = rare.value_counts().to_numpy()
    number = sizes.sum() ** 2 / (sizes**2).sum()
    assert number < 10 and found.few_groups["classes.glioma.recall"] == pytest.approx(number, abs=0.05)
    assert "accuracy" not in found.few_groups
    many = score_predictions(predictions.assign(group=range(120)), manifest, CLASSES, resamples=50)
    assert not many.few_groups
