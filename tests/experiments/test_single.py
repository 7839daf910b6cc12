"""The whole pipeline on the toy task, for every kind of model, and on Keras's JAX backend."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.errors import BrainTumorError, ImageReadError, RunError
from braintumor_tf.evaluation import EvaluationError, load_run_model, predict_manifest, score_predictions
from braintumor_tf.experiments import run_experiment
from braintumor_tf.report import write_model_card
from braintumor_tf.runs import Run
from tests.training.toy import SPLITS, toy_manifest

REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = {
    "CNN": {"epochs": 6, "image_size": 32, "batch_size": 24, "augmentation": {}, "learning_rate": 3e-3},
    "PCA": {"image_size": 24, "augmentation": {}},
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module", params=list(SETTINGS))
def run(request, manifest, tmp_path_factory) -> Run:
    out = tmp_path_factory.mktemp("runs") / request.param
    return run_experiment(
        manifest, request.param, out=out, baselines=False, resamples=100, show_progress=False,
        config={"dataset": "toy"}, **SETTINGS[request.param],
    )  # fmt: skip


def test_a_run_learns_and_holds_everything(run, manifest):
    assert run.finished and run.config["dataset"] == "toy" and run.config["seed"] == 0
    assert run.config["training"]["augmentation"] == {}
    predictions = run.predictions
    assert list(predictions) == ["path", "label", "split", "group", "predicted", *(f"p_{name}" for name in CLASSES)]
    assert dict(predictions["split"].value_counts()) == {name: 4 * SPLITS[name] for name in ("validation", "test")}
    np.testing.assert_allclose(predictions.filter(like="p_").sum(axis=1), 1, atol=1e-6)
    assert run.metrics["accuracy"]["value"] > 0.5  # chance is 0.25
    assert run.metrics["training"]["seconds"] > 0 and run.metrics["training"]["best"]["monitor"] == "val_macro_f1"
    assert run.metrics["images"] == 24 and run.metrics["groups"] == 12


def test_the_file_on_disk_predicts_what_was_scored(run, manifest):
    again = predict_manifest(run.path, manifest, show_progress=False)
    columns = [f"p_{name}" for name in CLASSES]
    np.testing.assert_allclose(again[columns], run.predictions[columns], atol=1e-6)
    assert list(again["predicted"]) == list(run.predictions["predicted"])
    recomputed = score_predictions(run.predictions, run.manifest, CLASSES, resamples=100).to_dict()
    assert recomputed["macro_f1"] == run.metrics["macro_f1"] and recomputed["classes"] == run.metrics["classes"]


def test_batches_and_threads_do_not_change_a_prediction(run, manifest):
    model = load_run_model(run)
    rows = manifest[::3]
    one = predict_manifest(model, rows, splits=None, batch_size=3, workers=1, show_progress=False)
    other = predict_manifest(model, rows, splits=None, batch_size=64, workers=4, show_progress=False)
    pd.testing.assert_frame_equal(one, other, atol=1e-5)
    assert list(one["path"]) == list(rows["path"])


def test_a_finished_run_is_not_overwritten(run, manifest):
    with pytest.raises(RunError, match="finished"):
        run_experiment(manifest, "PCA", out=run.path, baselines=False)


def test_what_cannot_be_predicted_is_named(run, manifest, tmp_path):
    with pytest.raises(EvaluationError, match="split the manifest"):
        predict_manifest(run, manifest.assign(split="train"))
    with pytest.raises(ImageReadError, match="nowhere"):
        predict_manifest(run, manifest.assign(path="/nowhere.png"), show_progress=False)
    empty = Run.create(tmp_path / "empty", {}, manifest)
    with pytest.raises(RunError, match="is not finished"):
        predict_manifest(empty, manifest)
    empty.write_metrics({})
    with pytest.raises(RunError, match="run it again"):
        predict_manifest(empty, manifest)
    with pytest.raises(BrainTumorError, match="choose one of"):
        run_experiment(manifest, "Transformer", out=tmp_path / "none")


def test_a_run_from_a_weights_file_says_which(manifest, tmp_path):
    file = tmp_path / "made weights.h5"
    keras.applications.MobileNetV2(alpha=0.35, include_top=False, weights=None, input_shape=(32, 32, 3)).save(file)
    run = run_experiment(
        manifest, "MobileNetV2-0.35", out=tmp_path / "run", image_size=32, weights=file, preset="transfer",
        epochs=[1, 1], trains=["head", 1], baselines=False, resamples=20, show_progress=False,
    )  # fmt: skip
    content = file.read_bytes()
    assert run.finished and list(run.history["stage"]) == ["head", "fine_tuning"]
    assert run.config["weights"] == str(file)
    assert run.config["weights_used"] == {
        "source": "file", "file": file.name, "bytes": len(content),
        "md5": hashlib.md5(content).hexdigest(), "sha256": hashlib.sha256(content).hexdigest(),
    }  # fmt: skip
    assert f"file: {file.name}, MD5 {run.config['weights_used']['md5']}" in write_model_card(run).read_text()


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_the_pipeline_on_the_jax_backend(tmp_path):
    code = f"""
        import keras
        from pathlib import Path
        from braintumor_tf.experiments import run_experiment
        from tests.training.toy import toy_manifest
        assert keras.backend.backend() == "jax"
        manifest = toy_manifest(Path({str(tmp_path)!r}) / "images")
        run = run_experiment(manifest, "CNN", out={str(tmp_path / "run")!r}, baselines=False, resamples=20,
                             show_progress=False, **{SETTINGS["CNN"]!r})
        assert run.metrics["accuracy"]["value"] > 0.4, run.metrics["accuracy"]
        assert len(run.history) == 6
    """
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(REPOSITORY)}
    answer = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
