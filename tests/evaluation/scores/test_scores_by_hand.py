"""Every score of an evaluation against scikit-learn's, and its counts by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import score_predictions
from tests.evaluation.intervals_by_hand import difference, proportion
from tests.evaluation.made_predictions import softmax, table


def lopsided(seed: int = 0, images: int = 120) -> pd.DataFrame:
    """Predictions whose classes differ in size, in skill and in what they are taken for."""
    generator = np.random.default_rng(seed)
    label = generator.choice(4, images, p=[0.4, 0.1, 0.3, 0.2])
    logits = generator.normal(size=(images, 4)) + np.array([2.0, 0.5, 1.0, 1.5])[label, None] * np.eye(4)[label]
    logits[:, 2] += 0.7
    return table(softmax(logits), label, np.arange(images) // 2)


def manifest_of(predictions: pd.DataFrame) -> pd.DataFrame:
    return predictions[["path", "label", "split", "group"]]


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    return lopsided()


@pytest.fixture(scope="module")
def metrics(predictions) -> dict:
    return score_predictions(predictions, manifest_of(predictions), CLASSES, resamples=20).to_dict()


def test_every_score_equals_scikit_learns(predictions, metrics):
    truth, named = predictions["label"], predictions["predicted"]
    probability = predictions[[f"p_{name}" for name in CLASSES]].to_numpy()
    precision, recall, f1, support = precision_recall_fscore_support(truth, named, labels=list(CLASSES))
    ones = np.array([truth == name for name in CLASSES])
    areas = [roc_auc_score(one, column) for one, column in zip(ones, probability.T)]
    averages = [average_precision_score(one, column) for one, column in zip(ones, probability.T)]
    expected = {
        "accuracy": accuracy_score(truth, named),
        "balanced_accuracy": balanced_accuracy_score(truth, named),
        "macro_precision": precision.mean(),
        "macro_recall": recall.mean(),
        "macro_f1": f1.mean(),
        "roc_auc": roc_auc_score(truth, probability, multi_class="ovr", labels=list(CLASSES)),
        "average_precision": np.mean(averages),
    }
    assert {name: metrics[name]["value"] for name in expected} == pytest.approx(expected)
    for place, name in enumerate(CLASSES):
        found = metrics["classes"][name]
        values = precision[place], recall[place], f1[place], areas[place], averages[place]
        kinds = "precision", "recall", "f1", "roc_auc", "average_precision"
        assert [found[kind]["value"] for kind in kinds] == pytest.approx(values)
        assert found["support"] == support[place]
    assert metrics["confusion_matrix"]["counts"] == confusion_matrix(truth, named, labels=list(CLASSES)).tolist()


def test_tumour_scores_ask_only_whether_there_is_one(predictions, metrics):
    ill, called = predictions["label"] != "no_tumor", predictions["predicted"] != "no_tumor"
    assert metrics["tumour_sensitivity"]["value"] == pytest.approx(called[ill].mean())
    assert metrics["tumour_specificity"]["value"] == pytest.approx((~called[~ill]).mean())
    assert metrics["missed_tumours"] == (ill & ~called).sum() != (~ill & called).sum() == metrics["false_alarms"]


def test_the_share_of_near_duplicates_is_a_share_over_groups_of_unequal_size(predictions):
    uneven = predictions.assign(group=["large"] * 40 + [f"g{number}" for number in range(80)])
    training = pd.DataFrame({"path": ["t.png"], "label": "glioma", "split": "train", "group": "large"})
    manifest = pd.concat([manifest_of(uneven), training], ignore_index=True)
    found = score_predictions(uneven, manifest, CLASSES, seed=3, resamples=200).to_dict()["twins"]["share"]
    near = (uneven["group"] == "large").to_numpy()
    ends = proportion(near, np.ones(120, bool), uneven["group"].to_numpy())
    assert found["value"] == pytest.approx(1 / 3)
    assert (found["low"], found["high"]) == pytest.approx(ends) and ends[1] - ends[0] > 0.6, "one group is no evidence"


def test_images_left_out_as_overlap_are_counted(predictions, metrics):
    assert metrics["overlap"] == 0
    left_out = manifest_of(predictions)[:7].assign(split="overlap")
    found = score_predictions(
        predictions, pd.concat([manifest_of(predictions), left_out]), CLASSES, resamples=20
    ).to_dict()
    assert found["overlap"] == 7 and found["images"] == len(predictions)


def test_a_baseline_is_matched_by_path(predictions):
    other = lopsided(seed=1).assign(label=predictions["label"])
    shuffled = other.sample(frac=1, random_state=0)
    for ours, theirs in ((predictions, shuffled), (predictions.sample(frac=1, random_state=2), other)):
        found = score_predictions(
            ours, manifest_of(ours), CLASSES, baselines={"border": theirs}, resamples=20
        ).to_dict()["baselines"]["border"]
        right = (other["predicted"] == other["label"]).mean()
        assert found["value"] == pytest.approx(right)
        above = (predictions["predicted"] == predictions["label"]).mean() - right
        assert found["model_above"]["accuracy"]["value"] == pytest.approx(above)


def test_a_baseline_draws_the_groups_of_the_seed(predictions):
    other = lopsided(seed=1).assign(label=predictions["label"])
    options = {"baselines": {"border": other}, "seed": 5, "resamples": 300}
    found = score_predictions(predictions, manifest_of(predictions), CLASSES, **options).to_dict()["baselines"][
        "border"
    ]
    order = np.unique(predictions["group"], return_inverse=True)[1]
    weights = np.random.default_rng(5).multinomial(60, np.full(60, 1 / 60), size=300)[:, order]
    ours, theirs = ((each["label"] == each["predicted"]).to_numpy() for each in (predictions, other))
    assert (found["low"], found["high"]) == pytest.approx(proportion(theirs, np.ones(120, bool), order))
    drawn = [weights @ right / weights.sum(axis=1) for right in (ours, theirs)]
    above = found["model_above"]["accuracy"]
    assert (above["low"], above["high"]) == pytest.approx(difference([ours.mean(), theirs.mean()], drawn, [60, 60]))
