"""Scoring predictions: intervals over groups, near-duplicates apart, undefined scores as None, tables for people."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from sklearn.metrics import f1_score

from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES
from braintumor_tf.evaluation import EvaluationError, error_table, score_predictions, summary_table
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, group_weights, with_interval
from braintumor_tf.files import to_json
from tests.evaluation.intervals_by_hand import difference, kish, of_draws, proportion


def _predictions(images=200, groups=60, classes=CLASSES, seed=0, skill=1.5) -> pd.DataFrame:
    """Random predictions in which the images of a group share their label and their luck."""
    generator = np.random.default_rng(seed)
    group = generator.integers(0, groups, images)
    label = generator.integers(0, len(classes), groups)[group]
    luck = generator.normal(0, 2, (groups, len(classes)))[group]
    logits = luck + generator.normal(0, 0.3, (images, len(classes))) + skill * np.eye(len(classes))[label]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame = pd.DataFrame({"path": [f"{index}.png" for index in range(images)], "label": np.array(classes)[label]})
    frame["split"], frame["group"] = "test", [f"g{number}" for number in group]
    frame["predicted"] = np.array(classes)[probabilities.argmax(axis=1)]
    return pd.concat([frame, pd.DataFrame(probabilities, columns=[f"p_{name}" for name in classes])], axis=1)


def _manifest(predictions: pd.DataFrame, training_groups=()) -> pd.DataFrame:
    training = pd.DataFrame({"path": "t.png", "label": "glioma", "split": "train", "group": list(training_groups)})
    return pd.concat([predictions[["path", "label", "split", "group"]], training], ignore_index=True)


def _evaluate(predictions, manifest=None, classes=CLASSES, **options):
    return score_predictions(
        predictions, _manifest(predictions) if manifest is None else manifest, classes, **options
    ).to_dict()


def test_the_dictionary_is_as_agreed_and_repeatable():
    predictions = _predictions()
    metrics = _evaluate(predictions, baselines={"border": predictions})
    for name in (
        "accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "roc_auc", "average_precision",
        "tumour_sensitivity", "tumour_specificity",
    ):  # fmt: skip
        found = metrics[name]
        assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1, name
    assert metrics["classes_order"] == list(CLASSES) and metrics["images"] == 200
    assert metrics["groups"] == predictions["group"].nunique()
    counts = np.array(metrics["confusion_matrix"]["counts"])
    assert metrics["confusion_matrix"]["labels"] == list(CLASSES)
    assert list(counts.sum(axis=1)) == [metrics["classes"][name]["support"] for name in CLASSES]
    assert metrics["accuracy"]["value"] == pytest.approx(np.trace(counts) / 200)
    healthy = CLASSES.index("no_tumor")
    assert metrics["missed_tumours"] == counts[:, healthy].sum() - counts[healthy, healthy]
    assert metrics["false_alarms"] == counts[healthy].sum() - counts[healthy, healthy]
    same = metrics["baselines"]["border"]
    assert {key: same[key] for key in ("value", "low", "high")} == metrics["accuracy"]
    assert same["macro_f1"] == metrics["macro_f1"]
    for even in same["model_above"].values():
        assert even["value"] == 0 and -0.05 < even["low"] < 0 < even["high"] < 0.05, "alike here, not everywhere"
    assert metrics == _evaluate(predictions, baselines={"border": predictions})
    to_json(metrics)


def test_a_group_bootstrap_is_wider_where_groups_share_their_luck():
    predictions = _predictions(images=600, groups=60)
    alone = predictions.assign(group=[str(index) for index in range(600)])

    def width(found):
        return found["accuracy"]["high"] - found["accuracy"]["low"]

    assert width(_evaluate(predictions)) > 1.5 * width(_evaluate(alone))


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        right = generator.random(40)[np.repeat(np.arange(40), 3)] < 0.7
        weights = np.concatenate(list(group_weights(np.repeat(np.arange(40), 3), resamples=300, seed=seed)))
        found = with_interval(right.mean(), weights @ right / weights.sum(axis=1), groups=40)
        covered += found.low <= 0.7 <= found.high
    assert 0.91 <= covered / 200 <= 0.99


def test_resamples_draw_whole_groups_and_as_many_as_there_are():
    groups = group_numbers(["a", "a", "b", "", ""])
    assert groups[0] == groups[1] and len(set(groups)) == 4
    weights = np.concatenate(list(group_weights(groups, resamples=500, seed=0)))
    assert weights.shape == (500, 5) and (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 1:].sum(axis=1) == 4).all() and weights.mean() == pytest.approx(1, abs=0.1)
    np.testing.assert_array_equal(weights, np.concatenate(list(group_weights(groups, resamples=500, seed=0))))


def test_near_duplicates_and_the_rest_are_scored_apart():
    predictions = _predictions()
    some = sorted(set(predictions["group"]))[:20]
    metrics = _evaluate(predictions, _manifest(predictions, some))
    near, right = predictions["group"].isin(some), predictions["label"] == predictions["predicted"]
    assert metrics["twins"]["share"]["value"] == pytest.approx(near.mean())
    assert metrics["twins"]["accuracy"]["value"] == pytest.approx(right[near].mean())
    assert metrics["clean"]["accuracy"]["value"] == pytest.approx(right[~near].mean())
    assert metrics["twins"]["images"] + metrics["clean"]["images"] == 200
    none = _evaluate(predictions)
    assert none["twins"]["share"]["value"] == 0 and none["twins"]["accuracy"]["value"] is None


def test_a_baseline_is_compared_on_the_same_drawn_groups():
    predictions, other = _predictions(), _predictions().assign(predicted=_predictions(seed=1)["predicted"])
    found = _evaluate(predictions, baselines={"border": other[::-1]}, resamples=400)["baselines"]["border"]
    groups = group_numbers(predictions["group"])
    right, theirs = ((table["label"] == table["predicted"]).to_numpy() for table in (predictions, other))
    weights = np.concatenate(list(group_weights(groups, resamples=400, seed=0)))
    drawn = [weights @ one / weights.sum(axis=1) for one in (right, theirs)]
    number, above = kish(np.bincount(groups)), found["model_above"]
    ends = difference([right.mean(), theirs.mean()], drawn, [number, number])
    assert (above["accuracy"]["low"], above["accuracy"]["high"]) == pytest.approx(ends)
    truth, named, others = (table[column].to_numpy() for table, column in (
        (predictions, "label"), (predictions, "predicted"), (other, "predicted")))  # fmt: skip
    drawn = [
        [f1_score(truth, answers, average="macro", sample_weight=each) for each in weights[:50]]
        for answers in (named, others)
    ]
    few = _evaluate(predictions, baselines={"border": other}, resamples=50)["baselines"]["border"]
    values = [f1_score(truth, answers, average="macro") for answers in (named, others)]
    own = [kish(np.bincount(groups, truth == name)) for name in CLASSES]
    number = min(number, 16 / sum(1 / each for each in own))
    few = few["model_above"]["macro_f1"]
    assert (few["low"], few["high"]) == pytest.approx(difference(values, drawn, [number, number]))
    assert found["model_above"]["accuracy"]["high"] - found["model_above"]["accuracy"]["low"] > 0


def test_twins_are_compared_with_the_rest():
    predictions = _predictions()
    some = sorted(set(predictions["group"]))[:20]
    lucky = predictions["predicted"].mask(predictions["group"].isin(some), predictions["label"])
    twins = _evaluate(predictions.assign(predicted=lucky), _manifest(predictions, some))["twins"]
    assert 0 < twins["above_clean"]["low"] <= twins["above_clean"]["value"] <= twins["above_clean"]["high"]
    none = _evaluate(predictions)["twins"]["above_clean"]
    assert none == {"value": None, "low": None, "high": None}


def test_what_is_undefined_is_none_and_nothing_crashes():
    predictions = _predictions()
    nothing = {"value": None, "low": None, "high": None}
    missing = _evaluate(predictions[predictions["label"] != "glioma"])
    assert missing["classes"]["glioma"]["recall"] == missing["classes"]["glioma"]["roc_auc"] == nothing
    assert missing["classes"]["glioma"]["support"] == 0 and missing["macro_f1"]["value"] is not None
    never = _evaluate(predictions.assign(predicted="no_tumor"))
    assert never["classes"]["glioma"]["precision"] == nothing and never["classes"]["glioma"]["f1"]["value"] == 0
    assert never["tumour_sensitivity"]["value"] == 0 and never["tumour_specificity"]["value"] == 1
    one_group = _evaluate(predictions.assign(group="g"))
    assert one_group["accuracy"]["value"] is not None and one_group["accuracy"]["low"] is None
    one_class = _evaluate(predictions[predictions["label"] == "no_tumor"])
    assert one_class["roc_auc"] == one_class["tumour_sensitivity"] == nothing
    one_image = _evaluate(predictions[:1])
    assert one_image["images"] == 1 and one_image["accuracy"]["low"] is None
    for metrics in (missing, never, one_group, one_class, one_image):
        to_json(metrics)
        summary_table(metrics)


def test_two_classes_and_classes_without_a_healthy_one():
    binary = _evaluate(_predictions(classes=BINARY_CLASSES), classes=BINARY_CLASSES)
    assert binary["tumour_sensitivity"] == binary["classes"]["tumor"]["recall"]
    assert binary["missed_tumours"] == binary["confusion_matrix"]["counts"][1][0]
    types = ("glioma", "meningioma")
    metrics = _evaluate(_predictions(classes=types), classes=types)
    assert metrics["tumour_sensitivity"]["value"] is None and metrics["missed_tumours"] is None
    assert "false alarm" not in set(error_table(_predictions(classes=types))["error"])


def test_what_cannot_be_scored_is_named():
    predictions = _predictions()
    for wrong, words in (
        (predictions.assign(split="validation"), "test split"),
        (predictions.assign(label="cat"), "cat"),
        (predictions.drop(columns="p_glioma"), "p_glioma"),
        (predictions.assign(p_glioma=np.nan), "finite"),
    ):
        with pytest.raises(EvaluationError, match=words):
            _evaluate(wrong)
    with pytest.raises(EvaluationError, match="other images"):
        _evaluate(predictions, baselines={"border": predictions[1:]})


def test_a_thousand_resamples_are_drawn_a_few_pieces_at_a_time():
    """In pieces of bounded size, and never one by one, which would take minutes."""
    for images, at_most in ((1300, 4), (5000, 6), (400_000, 6)):
        resamples = 1000 if images < 10_000 else 12
        pieces = [len(weights) for weights in group_weights(np.arange(images) % 900, resamples=resamples, seed=0)]
        assert sum(pieces) == resamples and len(pieces) <= at_most
        assert max(pieces) * images <= 4_000_000


def test_an_interval_uses_a_thousand_resamples_of_all_pieces():
    predictions = _predictions(images=3000, groups=900)
    found = _evaluate(predictions)
    groups = group_numbers(predictions["group"])
    number = groups.max() + 1
    counted = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), size=1000)
    truth, right = predictions["label"].to_numpy(), (predictions["label"] == predictions["predicted"]).to_numpy()
    drawn = []
    for name in CLASSES:
        hits, sizes = (np.bincount(groups, one, minlength=number) for one in ((truth == name) & right, truth == name))
        drawn.append((counted @ hits) / (counted @ sizes))
    own = [kish(np.bincount(groups, truth == name)) for name in CLASSES]
    ends = of_draws(found["balanced_accuracy"]["value"], np.mean(drawn, axis=0), min(
        kish(np.bincount(groups)), 16 / sum(1 / each for each in own)))  # fmt: skip
    assert (found["balanced_accuracy"]["low"], found["balanced_accuracy"]["high"]) == pytest.approx(ends)
    everything = np.ones(len(right), bool)
    assert (found["accuracy"]["low"], found["accuracy"]["high"]) == pytest.approx(proportion(right, everything, groups))
    assert found["interval"] == {
        "confidence": 0.95,
        "resamples": 1000,
        "over": "groups",
        "seed": 0,
        "method": "effective groups",
    }


def test_the_interval_of_many_images_is_as_wide_as_the_binomial_distribution_says():
    """So many images and resamples that the weights do not fit into one piece; every image is a group of its own."""
    predictions = _predictions(images=2500).assign(group="")
    found = _evaluate(predictions)["accuracy"]
    share = (predictions["label"] == predictions["predicted"]).mean()
    low, high = binom.ppf([0.025, 0.975], 2500, share) / 2500
    assert found["value"] == pytest.approx(share)
    assert [found["low"], found["high"]] == pytest.approx([low, high], abs=0.15 * (high - low))


def test_the_tables():
    predictions = _predictions()
    metrics = _evaluate(predictions, baselines={"border": predictions})
    table = summary_table(metrics).set_index("score")
    assert table.loc["classes.glioma.recall", "value"] == metrics["classes"]["glioma"]["recall"]["value"]
    assert table.loc["baselines.border.accuracy", "low"] == metrics["baselines"]["border"]["low"]
    assert table.loc["baselines.border.macro_f1", "value"] == metrics["macro_f1"]["value"]
    assert table.index.is_unique and np.isnan(table.loc["twins.accuracy", "value"])
    errors = error_table(predictions)
    assert len(errors) == (predictions["label"] != predictions["predicted"]).sum()
    assert errors["confidence"].is_monotonic_decreasing and (errors["p_label"] < errors["confidence"]).all()
    assert (errors["error"] == "missed tumour").sum() == metrics["missed_tumours"]
    assert (errors["error"] == "false alarm").sum() == metrics["false_alarms"]
    perfect = predictions.assign(predicted=predictions["label"])
    assert error_table(perfect).empty and list(error_table(perfect)) == list(errors)
