"""Every score against scikit-learn, plain and weighted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from braintumor_tf.evaluation.scores import weighted_metrics as metrics


def _case(seed: int, images: int, classes: int, ties: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, images)
    probabilities = generator.dirichlet(np.full(classes, 0.7), images)
    probabilities = np.round(probabilities, 1) if ties else probabilities
    weights = generator.integers(0, 4, (3, images)).astype(float)
    weights[0] = 1
    return truth, probabilities, probabilities.argmax(axis=1), weights


def _close(found: float, expected: float) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


cases = st.builds(_case, st.integers(0, 10**6), st.integers(2, 60), st.integers(2, 5), st.booleans())


@settings(max_examples=40, deadline=None)
@given(cases)
def test_label_scores_agree_with_scikit_learn(case):
    truth, probabilities, predicted, weights = case
    classes = probabilities.shape[1]
    confusion = metrics.weighted_confusion(truth, predicted, weights, classes=classes)
    scores = (metrics.precision(confusion), metrics.recall(confusion), metrics.f1(confusion))
    for row, weight in enumerate(weights):
        if not weight.sum():
            continue
        expected = sklearn_metrics.confusion_matrix(truth, predicted, labels=range(classes), sample_weight=weight)
        _close(confusion[row], expected)
        _close(metrics.accuracy(confusion)[row], sklearn_metrics.accuracy_score(truth, predicted, sample_weight=weight))
        options = {"labels": range(classes), "average": None, "sample_weight": weight, "zero_division": np.nan}
        precision = sklearn_metrics.precision_score(truth, predicted, **options)
        recall = sklearn_metrics.recall_score(truth, predicted, **options)
        f1 = sklearn_metrics.f1_score(truth, predicted, **{**options, "zero_division": 0})
        there = expected.sum(axis=1) > 0
        _close(scores[0][row], precision)
        _close(scores[1][row], recall)
        _close(scores[2][row][there], f1[there])
        assert np.isnan(scores[2][row][~there]).all()
        _close(metrics.macro(scores[2])[row], f1[there].mean())
        _close(metrics.macro_precision(confusion)[row], np.nan_to_num(precision[there]).mean())
        _close(metrics.macro(scores[1])[row], recall[there].mean())


@settings(max_examples=40, deadline=None)
@given(cases)
def test_ranking_scores_agree_with_scikit_learn(case):
    truth, probabilities, _, weights = case
    for index in range(probabilities.shape[1]):
        roc_auc, average_precision = metrics.ranking_scores(truth == index, probabilities[:, index], weights)
        for row, weight in enumerate(weights):
            positive = weight[truth == index].sum()
            negative = weight.sum() - positive
            drawn = weight > 0
            answers = (truth[drawn] == index, probabilities[drawn, index])
            if positive and negative:
                _close(roc_auc[row], sklearn_metrics.roc_auc_score(*answers, sample_weight=weight[drawn]))
            else:
                assert np.isnan(roc_auc[row])
            if positive:
                expected = sklearn_metrics.average_precision_score(*answers, sample_weight=weight[drawn])
                _close(average_precision[row], expected)
            else:
                assert np.isnan(average_precision[row])


def test_tumour_rates_count_any_type_as_found():
    truth, predicted = np.array([0, 0, 1, 2, 2, 2]), np.array([1, 2, 1, 2, 0, 2])
    confusion = metrics.weighted_confusion(truth, predicted, np.ones((1, 6)), classes=3)
    sensitivity, specificity = metrics.tumour_rates(confusion, no_tumor=2)
    assert sensitivity[0] == pytest.approx(2 / 3) and specificity[0] == pytest.approx(2 / 3)


def test_no_image_gives_no_score():
    roc_auc, average_precision = metrics.ranking_scores(np.zeros(0, bool), np.zeros(0), np.ones((2, 0)))
    assert np.isnan(roc_auc).all() and np.isnan(average_precision).all()
    assert np.isnan(
        metrics.accuracy(metrics.weighted_confusion(*[np.zeros(0, int)] * 2, np.ones((1, 0)), classes=2))
    ).all()


def test_sensitivity_is_of_tumours_and_specificity_of_the_rest():
    truth = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
    predicted = np.array([1, 2, 0, 1, 0, 2, 2, 2, 2, 0])
    weights = np.array([np.ones(10), np.arange(10)])
    sensitivity, specificity = metrics.tumour_rates(metrics.weighted_confusion(truth, predicted, weights, classes=3), 2)
    for row, weight in enumerate(weights):
        options = {"y_true": truth != 2, "y_pred": predicted != 2, "sample_weight": weight}
        _close(sensitivity[row], sklearn_metrics.recall_score(**options))
        _close(specificity[row], sklearn_metrics.recall_score(**options, pos_label=False))
    assert sensitivity[1] != specificity[1]
