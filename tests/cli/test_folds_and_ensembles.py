"""The commands train, evaluate and predict with several models: folds, ensembles, and views."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.evaluation import predict_manifest
from braintumor_tf.runs import Run
from tests.calling import call


def train(folder: Path, out: Path, *words: object) -> Result:
    return call("train", "--model", "PCA", "--dataset", folder, "--no-baselines", "--out", out, *words)


@pytest.fixture(scope="module")
def folds(folder, tmp_path_factory) -> tuple[Result, Run]:
    out = tmp_path_factory.mktemp("folds") / "run"
    return train(folder, out, "--protocol", "kfold", "--folds", 2, "--image-size", 16), Run(out)


@pytest.fixture(scope="module")
def pair(folder, tmp_path_factory) -> list[Run]:
    """Two models of other sizes and seeds on the same split."""
    out = tmp_path_factory.mktemp("pair")
    for size in (16, 24):
        result = train(folder, out / f"pca_{size}", "--image-size", size, "--seed", size, "--split-seed", 0)
        assert result.exit_code == 0, result.stderr
    return [Run(out / f"pca_{size}") for size in (16, 24)]


def test_runs_of_several_seeds_share_a_split_where_asked(pair):
    one, other = pair
    assert (one.config["seed"], other.config["seed"]) == (16, 24)
    assert one.config["split_seed"] == other.config["split_seed"] == 0
    assert one.manifest["split"].tolist() == other.manifest["split"].tolist()


def test_train_by_folds_writes_a_run_of_all_and_one_of_each(folds, folder):
    result, run = folds
    assert result.exit_code == 0, result.stderr
    assert "Macro-F1" in result.stdout and (run.path / "report.html").is_file()
    assert run.config["protocol"] == "kfold" and run.config["dataset"] == str(folder)
    assert all(Run(run.path / name).finished for name in ("fold_0", "fold_1"))
    assert len(run.predictions) == len(run.manifest) == 48
    again = call("train", "--resume", run.path)
    assert again.exit_code == 0 and again.stdout == result.stdout


def test_evaluate_and_predict_take_a_k_fold_run(folds):
    _, run = folds
    result = call("evaluate", run.path, "--json", "--no-baselines")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["macro_f1"] == run.metrics["macro_f1"]
    image = run.manifest["path"][0]
    found = json.loads(call("predict", run.path, image, "--json").stdout)[0]
    expected = predict_manifest(run, run.manifest.head(1), splits=None, show_progress=False).iloc[0]
    assert found["predicted"] == expected["predicted"]
    assert found["probabilities"]["glioma"] == pytest.approx(expected["p_glioma"], abs=1e-5)


def test_evaluate_scores_several_runs_as_one_and_keeps_them_where_asked(pair, tmp_path):
    paths = [run.path for run in pair]
    result = call("evaluate", *paths, "--json", "--no-baselines")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["runs"] == [str(path) for path in paths] and sum(found["weights"]) == pytest.approx(1)
    said = call("evaluate", *paths, "--no-baselines").stdout
    assert said.startswith(f"Weights by validation: pca_16 {found['weights'][0]:.2f}, pca_24 ")
    kept = call("evaluate", *paths, "--no-baselines", "--out", tmp_path / "both")
    assert kept.exit_code == 0 and kept.stdout.splitlines()[-1].startswith("report: ")
    run = Run(tmp_path / "both")
    assert run.metrics["macro_f1"]["value"] == found["macro_f1"]["value"]
    predicted = json.loads(call("predict", run.path, run.predictions["path"][0], "--json").stdout)[0]
    expected = [run.predictions[f"p_{name}"][0] for name in CLASSES]
    np.testing.assert_allclose(list(predicted["probabilities"].values()), expected, atol=1e-5)


def test_views_change_the_answer_and_are_counted(pair):
    one, three = (json.loads(call("evaluate", pair[0].path, "--json", "--no-baselines", *views).stdout)
                  for views in ((), ("--views", 3)))  # fmt: skip
    assert (one["views"], three["views"]) == (1, 3)
    image = pair[0].manifest["path"][0]
    plain, turned = (call("predict", pair[0].path, image, "--json", *words).stdout for words in ((), ("--views", 3)))
    assert json.loads(plain)[0]["probabilities"] != json.loads(turned)[0]["probabilities"]


def test_views_are_kept_where_asked(pair, tmp_path):
    result = call("evaluate", *(run.path for run in pair), "--views", 3, "--no-baselines", "--out", tmp_path / "both")
    assert result.exit_code == 0, result.stderr
    said = json.loads(call("evaluate", tmp_path / "both", "--no-baselines", "--json").stdout)
    assert said["views"] == 3 and said["macro_f1"] == Run(tmp_path / "both").metrics["macro_f1"]
    plain = json.loads(call("evaluate", tmp_path / "both", "--no-baselines", "--json", "--views", 1).stdout)
    assert plain["views"] == 1
    image = pair[0].manifest["path"][0]
    answers = [call("predict", tmp_path / "both", image, "--json", *words).stdout for words in ((), ("--views", 1))]
    assert answers[0] != answers[1]
    alone = call("evaluate", pair[0].path, "--views", 2, "--no-baselines", "--out", tmp_path / "one")
    assert alone.exit_code == 0 and Run(tmp_path / "one").config["model"] == "PCA (2 views)"


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["train", "--model", "PCA", "--dataset", "synthetic", "--folds", "3"], 2, "--protocol kfold"),
        (["train", "--model", "PCA", "--dataset", "synthetic", "--protocol", "kfold", "--folds", "1"], 2, "--folds"),
        (
            ["train", "--model", "PCA", "--dataset", "synthetic", "--protocol", "kfold", "--split-seed", "1"],
            2,
            "--seed",
        ),
        (["evaluate"], 2, "RUN"),
        (["evaluate", "/no/such/run", "/no/other"], 1, "not a run directory"),
        (["evaluate", "/no/such/run", "--out", "both"], 2, "two or more runs"),
        (["evaluate", "{run}", "--views", "99"], 1, "views=99: there are 1 to"),
        (["evaluate", "{run}", "{fold}"], 1, "ensemble itself"),
    ],
)
def test_wrong_words_are_named(folds, pair, words, code, message):
    names = {"{run}": pair[0].path, "{fold}": folds[1].path}
    result = call(*(names.get(word, word) for word in words))
    assert result.exit_code == code and message in result.stderr
    assert code == 2 or len(result.stderr.strip().splitlines()) == 1
