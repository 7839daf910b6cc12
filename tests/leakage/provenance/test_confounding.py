"""How well the origin alone names a class: by hand, against the total variation distance, and by brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.leakage.provenance import class_origins


def measured(labels, origins, groups=None) -> dict[str, float]:
    groups = None if groups is None else pd.Series(groups)
    found = class_origins(pd.DataFrame({"label": labels}), pd.Series(origins), groups)
    return {row.label: row.balanced_accuracy for row in found}


def test_all_tumours_from_one_place_and_all_healthy_heads_from_another():
    [healthy, tumour] = class_origins(
        pd.DataFrame({"label": ["no_tumor"] * 5 + ["tumor"] * 9}), pd.Series(["br35h"] * 5 + ["figshare"] * 9)
    )
    assert (healthy.balanced_accuracy, tumour.balanced_accuracy) == (1.0, 1.0) and healthy.confounded
    assert (healthy.label, healthy.origin, healthy.share, healthy.share_of_others) == ("no_tumor", "br35h", 1.0, 0.0)
    assert (healthy.images, healthy.others) == (5, 9)


def test_one_place_for_all_tells_nothing_and_one_class_cannot_be_told_from_others():
    assert measured(["a"] * 6 + ["b"] * 4, ["figshare"] * 10) == {"a": 0.5, "b": 0.5}
    assert measured(["a"] * 6, ["figshare"] * 3 + ["br35h"] * 3) == {}


def test_classes_mixed_alike_in_every_place_are_not_confounded():
    """Half of each class from either place: left out itself, an image always looks a little rarer than the others."""
    values = measured(["a", "b"] * 400, ["x", "x", "y", "y"] * 200)
    assert max(values.values()) <= 0.5


@pytest.mark.parametrize("copies", [1, 7])
def test_frequent_classes_weigh_no_more(copies):
    """Class a: 3 of 4 from x; class b: 1 of 4 from x. The guess is right for 3 of 4 of each, however many of b."""
    labels = ["a"] * 400 + ["b"] * 400 * copies
    origins = ["x"] * 300 + ["y"] * 100 + (["x"] * 100 + ["y"] * 300) * copies
    assert measured(labels, origins)["a"] == pytest.approx(0.75)


@pytest.mark.parametrize(("from_x", "confounded"), [(300, True), (299, False)])
def test_from_a_balanced_accuracy_of_three_in_four_on_they_are_confounded(from_x, confounded):
    origins = ["x"] * from_x + ["y"] * (400 - from_x) + ["x"] * 100 + ["y"] * 300
    [found, _] = class_origins(pd.DataFrame({"label": ["a"] * 400 + ["b"] * 400}), pd.Series(origins))
    assert found.confounded is confounded


def test_in_large_sets_it_is_half_of_one_plus_the_total_variation_distance():
    generator = np.random.default_rng(0)
    labels = generator.choice(["a", "b", "c"], 6000, p=[0.6, 0.3, 0.1])
    chance = {"a": [0.7, 0.2, 0.1], "b": [0.2, 0.5, 0.3], "c": [0.1, 0.1, 0.8]}
    origins = np.array([generator.choice(["x", "y", "z"], p=chance[label]) for label in labels])
    for name, value in measured(labels, origins).items():
        inside = labels == name
        shares = [[(origins[side] == place).mean() for place in "xyz"] for side in (inside, ~inside)]
        assert value == pytest.approx(0.5 + 0.25 * np.abs(np.subtract(*shares)).sum(), abs=1e-9)


def test_it_is_the_guess_without_the_own_group_by_brute_force():
    generator = np.random.default_rng(3)
    labels, origins = generator.choice(["a", "b"], 60), generator.choice(["x", "y", "z"], 60)
    groups = generator.integers(0, 12, 60)
    right = []
    for image in range(60):
        rest = groups != groups[image]
        rates = []
        for name in ("a", "b"):
            members = rest & (labels == name)
            rates.append((origins[members] == origins[image]).mean() if members.any() else 0.0)
        guess = "ab"[int(rates[1] > rates[0])] if rates[0] != rates[1] else None
        right.append(0.5 if guess is None else float(guess == labels[image]))
    right = np.array(right)
    expected = (right[labels == "a"].mean() + right[labels == "b"].mean()) / 2
    assert measured(labels, origins, groups)["a"] == pytest.approx(expected)


def test_a_place_with_one_patient_tells_nothing():
    labels, origins = ["a"] * 10 + ["b"] * 10, ["x"] * 10 + ["y"] * 10
    one_each = measured(labels, origins, ["p"] * 10 + ["q"] * 10)
    assert one_each == {"a": 0.5, "b": 0.5}
    assert measured(labels, origins, list(range(20))) == {"a": 1.0, "b": 1.0}
