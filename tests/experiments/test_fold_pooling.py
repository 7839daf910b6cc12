"""What folds have in common, without training any: the spread of their scores, and their pooled baselines."""

from __future__ import annotations

import statistics

import numpy as np
import pandas as pd
import pytest

from braintumor_tf.evaluation.prediction.fold_predictions import pool_predictions
from braintumor_tf.experiments.fold_pooling import fold_scores, pool_each
from tests.evaluation.made_runs import made_manifest, made_run


def test_each_baseline_is_pooled_from_its_own_tables():
    manifest = pd.DataFrame({"path": ["b.png", "a.png"]})
    rows = pd.DataFrame({"path": ["a.png", "b.png"]})
    tables = [
        rows.assign(split=splits, predicted=[f"{path} by {fold}" for path in rows["path"]])
        for fold, splits in enumerate((["test", "validation"], ["validation", "test"]))
    ]
    other = [table.assign(predicted=table["predicted"] + " too") for table in tables]
    fitted = [{"border": one, "metadata": another} for one, another in zip(tables, other)]
    found = pool_each(fitted, manifest)
    assert list(found) == ["border", "metadata"]
    assert found["border"]["predicted"].tolist() == ["b.png by 1", "a.png by 0"]
    pd.testing.assert_frame_equal(found["border"], pool_predictions(tables, manifest))
    assert (found["metadata"]["predicted"] == found["border"]["predicted"] + " too").all()


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
