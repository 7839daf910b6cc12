"""Pooling folds without training any: which rows, in which order, from which fold, and the spread of the scores."""

from __future__ import annotations

import statistics

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.evaluation import EvaluationError
from braintumor_tf.evaluation.prediction.fold_predictions import pool_predictions
from braintumor_tf.experiments.fold_pooling import fold_scores, pool_each
from tests.evaluation.made_runs import made_manifest, made_run

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


def test_each_baseline_is_pooled_from_its_own_tables(tables, manifest):
    other = [table.assign(predicted=table["predicted"] + " too") for table in tables]
    fitted = [{"border": one, "metadata": another} for one, another in zip(tables, other)]
    found = pool_each(fitted, manifest)
    assert list(found) == ["border", "metadata"]
    pd.testing.assert_frame_equal(found["border"], pool_predictions(tables, manifest))
    assert (found["metadata"]["predicted"] == found["border"]["predicted"] + " too").all()


def test_what_is_not_tested_once_is_named(tables, manifest):
    with pytest.raises(EvaluationError, match=r"e\.png is tested 0 times"):
        pool_predictions([tables[0], tables[2]], manifest)
    with pytest.raises(EvaluationError, match=r"e\.png is tested 2 times"):
        pool_predictions([*tables, tables[1]], manifest)
    with pytest.raises(EvaluationError, match="other data"):
        pool_predictions(tables, manifest[manifest["path"] != "a.png"])


def test_the_spread_of_the_folds_is_that_of_a_sample(tmp_path):
    manifest = made_manifest(8)
    runs = [made_run(tmp_path / f"fold_{place}", manifest, skill, place) for place, skill in enumerate((0.5, 1.5, 3.0))]
    found = fold_scores(runs)
    assert [row["run"] for row in found["runs"]] == ["fold_0", "fold_1", "fold_2"]
    assert all((row["images"], row["groups"]) == (16, 8) for row in found["runs"])
    for name in ("accuracy", "macro_f1", "tumour_sensitivity", "tumour_specificity"):
        values = [run.metrics[name]["value"] for run in runs]
        assert len(set(values)) > 1
        assert found["mean"][name] == pytest.approx(statistics.mean(values)), name
        assert found["standard_deviation"][name] == pytest.approx(statistics.stdev(values)), name
    own = [np.mean(run.predictions["label"] == run.predictions["predicted"]) for run in runs]
    assert found["mean"]["accuracy"] == pytest.approx(np.mean(own))


def test_a_score_that_one_fold_lacks_has_no_mean(tmp_path):
    manifest = made_manifest(8)
    sick = manifest[(manifest["label"] != "no_tumor") | (manifest["split"] != "test")]
    found = fold_scores([made_run(tmp_path / "all", manifest), made_run(tmp_path / "sick", sick)])
    for summary in ("mean", "standard_deviation"):
        assert found[summary]["tumour_specificity"] is None and found[summary]["tumour_sensitivity"] is not None
