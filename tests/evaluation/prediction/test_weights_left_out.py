"""When members of an ensemble share alike: beside a search over a grid, one group of images left out after another."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.evaluation import validation_weights
from tests.evaluation.made_predictions import softmax, table

WEIGHTS = np.linspace(0, 1, 51)
EQUAL = 25
TEMPERATURES = np.exp(np.linspace(np.log(0.1), np.log(10), 201))


def two_members(seed: int) -> tuple[list[pd.DataFrame], np.ndarray, np.ndarray, list[np.ndarray]]:
    """Two members on five groups, each of which asks for another temperature: what suits one does not suit others."""
    generator = np.random.default_rng(seed)
    groups, truth = np.arange(60) // 12, np.arange(60) % 4
    sharpness = np.exp(generator.normal(0, 1.2, 5))[groups][:, None]
    probabilities = [
        softmax((generator.normal(size=(60, 4)) + skill * np.eye(4)[truth]) * sharpness) for skill in (2.2, 1.5)
    ]
    return [table(each, truth, groups) for each in probabilities], truth, groups, probabilities


def losses(probabilities: list[np.ndarray], truth: np.ndarray) -> np.ndarray:
    """The log loss of each image at each weight of the first member and each temperature."""
    mixtures = WEIGHTS[:, None, None] * probabilities[0] + (1 - WEIGHTS)[:, None, None] * probabilities[1]
    logits = np.log(mixtures)[:, None] / TEMPERATURES[None, :, None, None]
    return np.log(np.exp(logits).sum(axis=3)) - logits[:, :, np.arange(len(truth)), truth]


def weight_by_grid(probabilities: list[np.ndarray], truth: np.ndarray, groups: np.ndarray) -> float:
    """The first member's weight: the best one if it gains more than a standard error on groups left out, else half."""
    lost, gains = losses(probabilities, truth), []
    for left_out in range(5):
        seen = lost[:, :, groups != left_out].mean(axis=2)
        fitted = np.unravel_index(seen.argmin(), seen.shape)
        even = lost[EQUAL, seen[EQUAL].argmin()]
        gains.append((even - lost[fitted])[groups == left_out].sum())
    mean = lost.mean(axis=2)
    best = WEIGHTS[np.unravel_index(mean.argmin(), mean.shape)[0]]
    return best if np.mean(gains) > np.std(gains, ddof=1) / np.sqrt(5) else 0.5


@pytest.mark.parametrize(("seed", "alike"), [(3, True), (7, True), (9, True), (30, False), (45, False), (57, False)])
def test_weights_and_temperature_are_judged_on_the_group_that_neither_was_fitted_on(seed, alike):
    tables, truth, groups, probabilities = two_members(seed)
    expected = weight_by_grid(probabilities, truth, groups)
    assert (expected == 0.5) == alike
    assert validation_weights(tables)[0] == pytest.approx(expected, abs=0.5 / 50 if not alike else 1e-12)
