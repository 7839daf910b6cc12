"""Wrong arguments of a search are named before the first trial."""

from __future__ import annotations

import pytest

from braintumor_tf.training import Range, TrainingError
from tests.training.search.toy_search import small_search


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": ["learning_rat"]}, "learning_rat: no such parameter; there are learning_rate, epochs"),
        ({"space": {"epochs": Range(5, 1)}}, "epochs: .* is no range"),
        ({"space": {"epochs": Range(0.5, 2)}}, "whole numbers"),
        ({"space": {"epochs": Range(0, 2)}}, "epochs must be at least 1, not 0"),
        ({"space": {"dropout": Range(0.0, 1.0)}}, "dropout must be a share"),
        ({"space": {"learning_rate": {"from": 1}}}, "is no range"),
        ({"space": {"trains": [2, 400]}}, "blocks, so not the last 400"),
        ({"space": {}}, "nothing to search"),
        ({"space": ["epochs"], "epochs": 3}, "epochs: given a value and searched as well"),
        ({"trials": 0}, "trials must be at least 1"),
        ({"storage": "sqlite:////no/such/folder/study.db"}, "the study cannot be opened"),
        ({"preset": "best.json"}, "no such preset file"),
    ],
)
def test_wrong_arguments_are_named(manifest, tmp_path, changes, message):
    with pytest.raises(TrainingError, match=message):
        small_search(manifest, tmp_path, **changes)
