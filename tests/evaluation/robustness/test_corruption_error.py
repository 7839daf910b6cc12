"""The mean corruption error: by hand, as MedMNIST-C computes it with scikit-learn, and what it is undefined for."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import EvaluationError, Robustness, score_predictions
from braintumor_tf.evaluation.robustness.corruption_error import corruption_errors
from braintumor_tf.evaluation.robustness.draws import METRICS, Draws
from braintumor_tf.evaluation.scores.group_bootstrap import group_numbers, group_weights
from tests.evaluation import intervals_by_hand as by_hand_of
from tests.evaluation.made_robustness import NOISES, made


def groups_of_classes(rows: pd.DataFrame) -> float:
    """How many groups a mean over the classes rests on."""
    own = [by_hand_of.kish(part.groupby("group").size()) for _, part in rows.groupby("label")]
    return min(by_hand_of.kish(rows.groupby("group").size()), len(own) ** 2 / sum(1 / each for each in own))


def by_hand(clean: float, noisy: dict[str, list[float]]) -> Draws:
    """Draws of a model with these balanced errors and no intervals."""
    versions = [("clean", 0), *((name, level + 1) for name, errors in noisy.items() for level in range(len(errors)))]
    errors = [clean, *(error for each in noisy.values() for error in each)]
    values = np.full((len(versions), len(METRICS)), np.nan)
    values[:, METRICS.index("balanced_accuracy")] = 1 - np.array(errors)
    return Draws(tuple(versions), values, None, np.full(len(METRICS), 10.0))


def test_an_example_by_hand():
    own = by_hand(0.1, {"blur": [0.2, 0.4], "speckle": [0.3, 0.6]})
    reference = by_hand(0.2, {"blur": [0.4, 0.8], "speckle": [0.3, 0.3]})
    found = corruption_errors(own, reference).to_dict()
    assert found["noises"]["blur"]["error"]["value"] == pytest.approx(0.6 / 1.2)
    assert found["noises"]["blur"]["relative"]["value"] == pytest.approx(0.4 / 0.8)
    assert found["noises"]["speckle"]["relative"]["value"] == pytest.approx(0.7 / 0.2)
    assert found["mean_corruption_error"]["value"] == pytest.approx((0.5 + 1.5) / 2)
    assert found["relative_mean_corruption_error"]["value"] == pytest.approx((0.5 + 3.5) / 2)
    alone = corruption_errors(own).to_dict()
    assert alone["mean_corruption_error"]["value"] == pytest.approx((0.3 + 0.45) / 2)
    assert alone["relative_mean_corruption_error"]["value"] == pytest.approx((0.2 + 0.35) / 2)


def test_against_itself_it_is_exactly_one_and_no_interval_can_be_drawn():
    found = made("CNN").mean_corruption_error(made("CNN")).to_dict()
    assert found["reference"] == "CNN"
    for key in ("mean_corruption_error", "relative_mean_corruption_error"):
        assert found[key] == {"value": 1.0, "low": None, "high": None}


def test_a_reference_without_errors_or_losses_defines_nothing():
    own, perfect = by_hand(0.1, {"blur": [0.2]}), by_hand(0.0, {"blur": [0.0]})
    found = corruption_errors(own, perfect).to_dict()
    assert found["mean_corruption_error"]["value"] is None and found["relative_mean_corruption_error"]["value"] is None
    better = corruption_errors(own, by_hand(0.4, {"blur": [0.3]})).to_dict()  # a reference that noise improves
    assert better["mean_corruption_error"]["value"] == pytest.approx(2 / 3)
    assert better["relative_mean_corruption_error"]["value"] is None


def test_it_is_what_medmnist_c_computes():
    """Their evaluator: balanced errors by scikit-learn, means over severities, ratios, mean over corruptions."""
    own, reference = made("own", 1, 3.0), made("reference", 2, 1.5)

    def errors(found: Robustness) -> dict[tuple[str, int], float]:
        parts = found.predictions.groupby(["noise", "severity"])
        return {key: 1 - balanced_accuracy_score(rows["label"], rows["predicted"]) for key, rows in parts}

    mine, theirs = errors(own), errors(reference)
    means = [{name: np.mean([each[name, level] for level in (1, 2)]) for name in NOISES} for each in (mine, theirs)]
    error = np.mean([means[0][name] / means[1][name] for name in NOISES])
    relative = np.mean([(means[0][name] - mine["clean", 0]) / (means[1][name] - theirs["clean", 0]) for name in NOISES])
    found = own.mean_corruption_error(reference).to_dict()
    assert found["mean_corruption_error"]["value"] == pytest.approx(error)
    assert found["relative_mean_corruption_error"]["value"] == pytest.approx(relative)
    assert found["mean_corruption_error"]["low"] < error < found["mean_corruption_error"]["high"]


def test_every_score_is_scikit_learns_and_clean_is_that_of_evaluate():
    found = made("CNN")
    for (noise, severity), rows in found.predictions.groupby(["noise", "severity"]):
        truth, said = rows["label"], rows["predicted"]
        own = found.table[(found.table["noise"] == noise) & (found.table["severity"] == severity)]
        assert own.set_index("metric")["value"].to_dict() == pytest.approx(
            {
                "accuracy": accuracy_score(truth, said),
                "balanced_accuracy": balanced_accuracy_score(truth, said),
                "macro_f1": f1_score(truth, said, average="macro"),
            }
        )
    clean = found.predictions[found.predictions["noise"] == "clean"].drop(columns=["noise", "severity"])
    metrics = score_predictions(clean, clean, CLASSES, resamples=40).to_dict()
    for row in found.table[found.table["noise"] == "clean"].itertuples():
        assert metrics[row.metric] == pytest.approx({"value": row.value, "low": row.low, "high": row.high})


def test_losses_are_paired_over_groups():
    found = made("CNN")
    rows = {key: part.reset_index(drop=True) for key, part in found.predictions.groupby(["noise", "severity"])}
    clean, noisy = rows["clean", 0], rows["rician", 2]
    drawn = []
    for weights in np.concatenate(list(group_weights(group_numbers(clean["group"]), resamples=40, seed=0))):
        pair = [f1_score(each["label"], each["predicted"], average="macro", sample_weight=weights,
                         labels=sorted(set(clean["label"][weights > 0]))) for each in (clean, noisy)]  # fmt: skip
        drawn.append(pair)
    values = [f1_score(each["label"], each["predicted"], average="macro") for each in (clean, noisy)]
    own = found.losses.query("noise == 'rician' and severity == 2").iloc[0]
    number = groups_of_classes(clean)
    assert (own["low"], own["high"]) == pytest.approx(by_hand_of.difference(values, np.transpose(drawn), [number] * 2))
    means = found.mean_loss(["rician"], severities=[2]).to_dict()
    assert means == pytest.approx({key: own[key] for key in ("value", "low", "high")})
    assert found.mean_loss().value == pytest.approx(found.losses["value"].mean())
    with pytest.raises(EvaluationError, match="were not scored"):
        found.mean_loss(["speckle"])


def test_what_noise_adds_to_the_error_is_paired_too():
    found = made("CNN", noises=["rician"])
    rows = {key: part.reset_index(drop=True) for key, part in found.predictions.groupby(["noise", "severity"])}
    drawn = []
    for weights in np.concatenate(list(group_weights(group_numbers(rows["clean", 0]["group"]), resamples=40, seed=0))):
        present = sorted(set(rows["clean", 0]["label"][weights > 0]))
        balanced = {
            key: recall_score(each["label"], each["predicted"], labels=present, average="macro", sample_weight=weights)
            for key, each in rows.items()
        }
        drawn.append((balanced["clean", 0], np.mean([balanced["rician", level] for level in (1, 2)])))
    recalls = {key: recall_score(each["label"], each["predicted"], average="macro") for key, each in rows.items()}
    values = recalls["clean", 0], np.mean([recalls["rician", level] for level in (1, 2)])
    number = groups_of_classes(rows["clean", 0])
    own = found.mean_corruption_error().to_dict()["relative_mean_corruption_error"]
    assert (own["low"], own["high"]) == pytest.approx(by_hand_of.difference(values, np.transpose(drawn), [number] * 2))


def test_a_single_group_has_no_intervals():
    found = made("CNN")
    alone = dataclasses.replace(found, predictions=found.predictions.assign(group="one"))
    assert alone.table["low"].isna().all() and alone.losses["value"].equals(found.losses["value"])
    assert alone.mean_corruption_error(alone).to_dict()["mean_corruption_error"] == {
        "value": 1.0,
        "low": None,
        "high": None,
    }


def test_only_the_same_images_under_the_same_noise_are_compared():
    own, other = made("own"), made("other", 3)
    with pytest.raises(EvaluationError, match="other images"):
        own.mean_corruption_error(made("other", images=60))
    with pytest.raises(EvaluationError, match="other images"):
        own.mean_corruption_error(dataclasses.replace(other, predictions=other.predictions.assign(group="x")))
    for changed in ({"seed": 1}, {"size": [128, 128]}):
        settings = {**other.settings, **changed}
        with pytest.raises(EvaluationError, match="other noise"):
            own.mean_corruption_error(dataclasses.replace(other, settings=settings))
    with pytest.raises(EvaluationError, match="other noise"):
        own.mean_corruption_error(made("other", noises=("gaussian", "speckle")))
    with pytest.raises(EvaluationError, match="no name"):
        own.mean_corruption_error(dataclasses.replace(other, name=""))
    more = made("other", 3, noises=("gaussian", "speckle", "rician"))
    assert list(own.mean_corruption_error(more).to_dict()["noises"]) == list(NOISES)


def test_predictions_that_do_not_belong_together_are_refused():
    found = made("CNN")
    rows = found.predictions
    for changed, message in (
        (rows[rows["noise"] != "clean"], "no clean images"),
        (rows.iloc[:-1], "same images"),
        (rows.assign(label="cat"), "label cat"),
    ):
        with pytest.raises(EvaluationError, match=message):
            dataclasses.replace(found, predictions=changed).table  # noqa: B018


def drawn(clean: list[float], noisy: list[float]) -> Draws:
    """One noise of one severity whose balanced errors are 0.2 and 0.3, and those of the resamples as given."""
    values = np.full((2, len(METRICS)), np.nan)
    resampled = np.full((2, len(METRICS), len(clean)), np.nan)
    place = list(METRICS).index("balanced_accuracy")
    values[:, place], resampled[:, place] = (0.8, 0.7), 1 - np.array([clean, noisy])
    return Draws((("clean", 0), ("blur", 1)), values, resampled, np.full(len(METRICS), 10.0))


@pytest.mark.parametrize("gaining", [4, 6])
def test_resamples_in_which_the_reference_loses_nothing_define_no_relative_error(gaining):
    own = drawn([0.2] * 10, [0.4, 0.5] * 5)
    reference = drawn([0.2] * 10, [0.1] * gaining + [0.3] * (10 - gaining))
    found = corruption_errors(own, reference).to_dict()
    assert found["relative_mean_corruption_error"]["value"] == pytest.approx(1)
    ends = [found["relative_mean_corruption_error"][end] for end in ("low", "high")]
    # an own loss of 0.2 or 0.3 over one of 0.1, where there is one; in too few resamples there is none
    assert ends == (pytest.approx([2, 3], abs=0.2) if gaining == 4 else [None, None])
    assert found["mean_corruption_error"]["low"] is not None


def test_the_reference_is_taken_at_the_severities_of_the_model():
    own, more = made("own", 1, severities=(1, 2)), made("more", 2, severities=(1, 2, 3, 5))
    fewer = dataclasses.replace(more, predictions=more.predictions.query("severity <= 2").reset_index(drop=True))
    found, expected = own.mean_corruption_error(more).to_dict(), own.mean_corruption_error(fewer).to_dict()
    assert found["mean_corruption_error"] == pytest.approx(expected["mean_corruption_error"])
    scores = more.table.query("metric == 'balanced_accuracy' and noise in @NOISES").set_index(["noise", "severity"])
    mine = own.table.query("metric == 'balanced_accuracy'").set_index(["noise", "severity"])
    ratios = [
        sum(1 - mine["value"][noise, level] for level in (1, 2))
        / sum(1 - scores["value"][noise, level] for level in (1, 2))
        for noise in NOISES
    ]
    assert found["mean_corruption_error"]["value"] == pytest.approx(np.mean(ratios))
