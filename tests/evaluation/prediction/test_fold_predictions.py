"""Pooling folds without training any: which rows, in which order, and from which fold."""

from __future__ import annotations

import pandas as pd
import pytest

from braintumor_tf.evaluation import EvaluationError
from braintumor_tf.evaluation.prediction.fold_predictions import pool_predictions

PATHS = ["c.png", "a.png", "e.png", "b.png", "d.png"]
TESTED = [["b.png", "c.png"], ["e.png"], ["d.png", "a.png"]]


@pytest.fixture
def manifest() -> pd.DataFrame:
    return pd.DataFrame({"path": PATHS})


@pytest.fixture
def tables() -> list[pd.DataFrame]:
    """What three folds say of all images: a fold says its own number and the image, whatever the split."""
    return [
        pd.DataFrame(
            {
                "path": sorted(PATHS),
                "split": ["test" if path in tested else "validation" for path in sorted(PATHS)],
                "predicted": [f"{path} by {fold}" for path in sorted(PATHS)],
            }
        )
        for fold, tested in enumerate(TESTED)
    ]


def test_each_image_has_the_answer_of_its_fold_in_the_order_of_the_manifest(tables, manifest):
    found = pool_predictions(tables, manifest)
    assert found["path"].tolist() == PATHS and found.index.tolist() == list(range(5))
    assert found["fold"].tolist() == [0, 2, 1, 0, 2] and set(found["split"]) == {"test"}
    assert found["predicted"].tolist() == [f"{path} by {fold}" for path, fold in zip(PATHS, found["fold"])]


def test_what_is_not_tested_once_is_named(tables, manifest):
    with pytest.raises(EvaluationError, match=r"e\.png is tested 0 times"):
        pool_predictions([tables[0], tables[2]], manifest)
    with pytest.raises(EvaluationError, match=r"e\.png is tested 2 times"):
        pool_predictions([*tables, tables[1]], manifest)
    with pytest.raises(EvaluationError, match="other data"):
        pool_predictions(tables, manifest[manifest["path"] != "a.png"])
