"""Combining predictions: the mean, the weights that validation images ask for, and what does not belong together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import EvaluationError, combine, validation_weights
from braintumor_tf.evaluation.calibration.temperature import fit_temperature, scale

PROBABILITIES = [f"p_{name}" for name in CLASSES]


def table(seed: int, strength: float = 0.0, images: int = 60, split: str = "validation") -> pd.DataFrame:
    """Made-up predictions, the nearer the truth the larger `strength`."""
    generator = np.random.default_rng(seed)
    truth = np.arange(images) % len(CLASSES)
    logits = generator.normal(size=(images, len(CLASSES)))
    logits[np.arange(images), truth] += strength
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame = pd.DataFrame(
        {
            "path": [f"{index}.png" for index in range(images)],
            "label": [CLASSES[place] for place in truth],
            "split": split,
            "group": [f"g{index // 2}" for index in range(images)],
            "predicted": [CLASSES[place] for place in probabilities.argmax(axis=1)],
        }
    )
    return frame.assign(**dict(zip(PROBABILITIES, probabilities.T)))


def calibrated_log_loss(frame: pd.DataFrame) -> float:
    return fit_temperature(frame, CLASSES).after


@pytest.mark.parametrize("weights", [None, (1, 1, 1), (0.2, 0.5, 0.3), (0, 0, 7)])
def test_an_ensemble_of_identical_members_is_the_member(weights):
    one = table(0)
    together = combine([one, one.copy(), one.copy()], weights)
    pd.testing.assert_frame_equal(together, one, rtol=1e-12, atol=1e-15)


def test_the_mean_is_the_mean_and_the_order_of_members_and_rows_changes_nothing():
    tables, weights = [table(seed, 1.0) for seed in range(3)], np.array([0.5, 0.2, 0.3])
    together = combine(tables, weights)
    expected = sum(weight * one[PROBABILITIES].to_numpy() for weight, one in zip(weights, tables))
    np.testing.assert_allclose(together[PROBABILITIES], expected, atol=1e-12)
    assert list(together["predicted"]) == [CLASSES[place] for place in expected.argmax(axis=1)]
    for order in ([2, 0, 1], [1, 2, 0]):
        shuffled = [tables[place].sample(frac=1, random_state=place) for place in order]
        again = combine(shuffled, weights[order]).set_index("path").loc[together["path"]].reset_index()
        pd.testing.assert_frame_equal(again, together, rtol=1e-12)


def test_weights_are_shares_and_none_is_better_on_validation():
    tables = [table(0, 2.0, 400), table(1, 1.0, 400), table(2, -1.0, 400)]
    weights = validation_weights(tables)
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1, abs=1e-12)
    assert weights[0] > weights[1] > weights[2]
    best = calibrated_log_loss(combine(tables, weights))
    generator = np.random.default_rng(3)
    others = [
        *np.eye(3),
        np.ones(3),
        *generator.dirichlet(np.ones(3), 100),
        *generator.dirichlet(100 * weights + 1, 50),
    ]
    assert all(best <= calibrated_log_loss(combine(tables, other)) + 1e-6 for other in others)


def test_members_that_are_about_as_good_share_alike():
    for seeds in ((0, 1, 2), (3, 4, 5), (6, 7, 8)):
        weights = validation_weights([table(seed, 2.0, 120) for seed in seeds])
        np.testing.assert_array_equal(weights, np.full(3, 1 / 3))


def test_hesitation_alone_costs_no_weight():
    bold, shy = table(0, 2.0, 400), table(1, 2.0, 400)
    shy[PROBABILITIES] = scale(shy[PROBABILITIES].to_numpy(), 4.0)
    weights = validation_weights([bold, shy])
    assert weights[1] >= 0.5


def test_images_of_a_group_are_left_out_together():
    good, bad = table(0, 2.0, 400), table(1, 1.0, 400)
    assert validation_weights([good, bad])[0] > 0.6
    alike = [each.assign(group="g0") for each in (good, bad)]
    np.testing.assert_array_equal(validation_weights(alike), [0.5, 0.5])  # one group says nothing of others


def test_weights_follow_their_members_and_identical_members_share_alike():
    tables = [table(0, 2.5, 400), table(1, 1.5, 400), table(2, 0.2, 400)]
    weights = validation_weights(tables)
    assert weights[0] > 0.5
    np.testing.assert_allclose(
        validation_weights([tables[place] for place in (2, 0, 1)]), weights[[2, 0, 1]], atol=1e-4
    )
    np.testing.assert_allclose(validation_weights([tables[0]] * 4), 0.25)
    np.testing.assert_allclose(validation_weights([tables[0]]), 1)


def test_a_member_that_is_sure_and_wrong_gets_no_weight():
    good, bad = table(0, 3.0), table(1)
    bad[PROBABILITIES] = 0.0
    for row, label in enumerate(bad["label"]):
        bad.loc[row, f"p_{CLASSES[(CLASSES.index(label) + 1) % 4]}"] = 1.0
    np.testing.assert_allclose(validation_weights([bad, good]), [0, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.iloc[1:], "other images"),
        (lambda one: one.assign(path="x" + one["path"]), "other images"),
        (lambda one: one.rename(columns={"p_glioma": "p_other"}), "other classes"),
        (lambda one: one.drop(columns="p_glioma"), "other classes"),
        (lambda one: one.assign(label=one["label"].iloc[::-1].to_numpy()), r"0\.png has the label"),
        (lambda one: one.assign(split="test"), r"0\.png has the split"),
    ],
)
def test_what_does_not_belong_together_is_refused(change, message):
    for joined in (combine, validation_weights):
        with pytest.raises(EvaluationError, match=message):
            joined([table(0), change(table(1))])


@pytest.mark.parametrize("weights", [(1,), (1, -1), (0, 0), (float("nan"), 1), (float("inf"), 1)])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(EvaluationError, match="for 2 members"):
        combine([table(0), table(1)], weights)
    with pytest.raises(EvaluationError, match="none is given"):
        combine([])
