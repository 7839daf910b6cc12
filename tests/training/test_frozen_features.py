"""Kept features: the head learns from them what it learns from images, in every stage, resumed and on every backend."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from braintumor_tf.augment.noise import GaussianNoise
from braintumor_tf.models import build
from braintumor_tf.models.backbone import head_layers
from braintumor_tf.models.network import Network, load_network
from braintumor_tf.runs import Run
from braintumor_tf.training import (
    PRESETS,
    Preset,
    Stage,
    TrainingError,
    fit,
    in_precision,
    resolve_preset,
)
from braintumor_tf.training import (
    frozen_features as features,
)
from braintumor_tf.training.batches import training_batches, validation_batches
from braintumor_tf.training.frozen_features import kept_views, split_at_features, stage_inputs
from tests.training import test_resume_state
from tests.training.toy import small_cnn, toy_manifest

AUGMENTATION = {"rotation_range": 20, "width_shift_range": 0.1}
PRESET = Preset(
    (Stage("head", 3, trains="head", warmup=0.0), Stage("fine_tuning", 1, trains=1)),
    batch_size=20,  # the last of five batches has 16
    weight_decay=0.01,
    class_weights={"glioma": 2.0},
    augmentation=AUGMENTATION,
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


def _train(manifest: pd.DataFrame, views: int | None, preset: Preset = PRESET, **options: Any) -> Any:
    stages = tuple(replace(stage, views=views) if stage.trains == "head" else stage for stage in preset.stages)
    options = {"show_progress": False, "noise": GaussianNoise(15), **options}
    return fit(small_cnn(), manifest, preset=replace(preset, stages=stages), **options)


def _assert_same(one: Any, other: Any) -> None:
    for weight, expected in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-5)
    columns = {"rtol": 0, "atol": 1e-5}
    pd.testing.assert_frame_equal(one.history.drop(columns="seconds"), other.history.drop(columns="seconds"), **columns)


def _inputs(manifest: pd.DataFrame, views: int, noise: Any = None, seed: int = 0, **options: Any) -> Any:
    model = small_cnn()
    batches = training_batches(
        manifest, Network(model), batch_size=20, augmentation=AUGMENTATION, noise=noise, seed=seed
    )
    validation = validation_batches(manifest, Network(model), batch_size=20)
    stage = Stage(epochs=9, trains="head", views=views)
    options = {"show_progress": False, **options}
    return stage_inputs(model, stage, batches=batches, validation=validation, augmented=True, **options)[1:]


@pytest.fixture(scope="module")
def on_images(manifest) -> Any:
    return _train(manifest, views=None)


@pytest.mark.parametrize("name", ["CNN", "MobileNetV2-0.35", "EfficientNetB0", "ViT-Ti/16"])
def test_a_network_is_cut_where_its_features_are_pooled(name):
    model = build(name, image_size=32, head=(6,), seed=0)
    backbone, head = split_at_features(model)
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    kept = backbone(images, training=False)
    assert len(kept.shape) == 2
    answers = [keras.ops.convert_to_numpy(each) for each in (head(kept), model(images, training=False))]
    np.testing.assert_allclose(*answers, atol=1e-6)
    own = [weight for layer in head_layers(model) for weight in layer.weights]
    assert len(own) == 4 and {id(weight) for weight in head.weights} == {id(weight) for weight in own}


def test_without_augmentation_one_view_gives_the_same_weights_by_itself(manifest):
    plain = replace(PRESET, augmentation={})
    _assert_same(*(_train(manifest, views, plain, noise=None) for views in (None, 0)))


def test_with_a_view_for_each_epoch_the_weights_are_those_of_training_on_images(manifest, on_images):
    _assert_same(_train(manifest, views=3), on_images)
    fewer = _train(manifest, views=2)
    assert fewer.history["loss"][1] == pytest.approx(on_images.history["loss"][1], abs=1e-5)
    assert fewer.history["loss"][2] != pytest.approx(on_images.history["loss"][2], abs=1e-4)


def test_views_are_counted_from_the_stage_that_keeps_them(manifest):
    later = replace(PRESET, stages=PRESET.stages[::-1])
    _assert_same(*(_train(manifest, views, later) for views in (5, 0)))


def test_views_differ_and_are_used_in_turn(manifest):
    batches, _ = _inputs(manifest, views=2, first_epoch=1)
    views = [batches.features.get(view) for view in (0, 1)]
    assert views[0].shape == (96, 8) and views[0].dtype == np.float32
    assert (np.abs(views[0] - views[1]).max(axis=1) > 1e-4).mean() > 0.9
    for epoch, view in ((1, 0), (2, 1), (3, 0), (8, 1)):
        batches.batches.epoch = epoch
        parts = [batches[index] for index in range(len(batches))]
        order = batches.batches.order(epoch)
        np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), views[view][order])
        images = [batches.batches.batch(index)[1] for index in range(len(batches))]
        np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), np.concatenate(images))
    assert not np.array_equal(batches.batches.order(1), batches.batches.order(3))


def test_noise_and_seed_are_in_the_views_and_validation_has_neither(manifest):
    kept = [_inputs(manifest, 1, noise, seed) for noise, seed in ((None, 0), (GaussianNoise(40), 0), (None, 1))]
    plain, noisy, other = ([batches.features.get(0) for batches in pair] for pair in kept)
    for changed in (noisy, other):
        assert np.abs(changed[0] - plain[0]).max() > 1e-3
        np.testing.assert_array_equal(changed[1], plain[1])


def test_what_does_not_fit_into_memory_is_kept_in_a_file(manifest, tmp_path, monkeypatch):
    inside, outside = (_inputs(manifest, 2, memory_bytes=size)[0].features for size in (96 * 8 * 4, 0))
    assert inside.disk_used == 96 * 8 * 4 and outside.disk_used == 2 * inside.disk_used
    for view in (0, 1):
        np.testing.assert_array_equal(inside.get(view), outside.get(view))

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(TrainingError, match=r"kept on disk: No such file.*fewer views than 2"):
        _inputs(manifest, 2, memory_bytes=0)


def test_the_next_stage_starts_from_the_best_head(manifest):
    class Follow(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.head = model.get_layer("probabilities")
            self.starts, self.ends, self.losses = [], [], []

        def on_train_begin(self, logs=None):
            self.starts.append(self.head.get_weights()[0])

        def on_epoch_end(self, epoch, logs=None):
            self.ends.append(self.head.get_weights()[0])
            self.losses.append(logs["val_loss"])

    model = small_cnn()
    follow = Follow()
    stages = (Stage("head", 4, learning_rate=0.5, trains="head", views=2), Stage("rest", 1))
    preset = replace(PRESET, stages=stages, monitor="val_loss")
    fit(model, manifest, preset=preset, show_progress=False, callbacks=[follow])
    best = int(np.argmin(follow.losses[:4]))
    np.testing.assert_array_equal(follow.starts[1], follow.ends[best])
    assert not np.array_equal(follow.starts[0], follow.starts[1])


def test_progress_is_shown_while_features_are_computed(manifest, monkeypatch):
    bars = []

    class Bar(features.tqdm):
        def __init__(self, **options):
            bars.append(self)
            self.shown = not options["disable"]
            self.wanted, self.steps = options["total"], 0
            super().__init__(**{**options, "disable": True})

        def update(self, n=1):
            self.steps += n

    monkeypatch.setattr(features, "tqdm", Bar)
    _inputs(manifest, 3, show_progress=True)
    _inputs(manifest, 1)
    assert [bar.shown for bar in bars] == [True, False]
    assert [(bar.steps, bar.wanted) for bar in bars] == [(3 * 5 + 2,) * 2, (5 + 2,) * 2]


def test_the_head_keeps_the_precision_of_the_network(manifest):
    with in_precision("mixed_float16"):
        model = small_cnn()
    _, head = split_at_features(model)
    assert head.dtype_policy.name == "mixed_float16"
    preset = replace(PRESET, stages=(replace(PRESET.stages[0], views=3),))
    fit(model, manifest, preset=preset, show_progress=False)
    with in_precision("mixed_float16"):
        expected = small_cnn()
    fit(expected, manifest, preset=replace(PRESET, stages=PRESET.stages[:1]), show_progress=False)
    for weight, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(weight, wanted, atol=2e-3)


# === Settings ===


def test_views_are_a_setting_of_stages_that_train_the_head():
    head = Stage(epochs=4, trains="head")
    assert [kept_views(replace(head, views=views), augmented=True) for views in (None, 0, 2, 9)] == [0, 0, 2, 4]
    assert [kept_views(replace(head, views=views), augmented=False) for views in (None, 0, 2, 9)] == [1, 0, 1, 1]
    assert kept_views(Stage(), augmented=False) == kept_views(Stage(trains=1), augmented=False) == 0
    preset = resolve_preset("transfer", views=[3, None])
    assert [stage.views for stage in preset.stages] == [3, None]
    assert [stage.views for stage in resolve_preset(preset, trains=["all", "all"]).stages] == [None, None]
    for wrong in ([-1, None], [None, 2], [1.5, None]):
        with pytest.raises(TrainingError, match="views"):
            resolve_preset("transfer", views=wrong)


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_from_before_there_were_views_is_read(name):
    values = PRESETS[name].to_dict()
    values["stages"] = [{key: entry for key, entry in stage.items() if key != "views"} for stage in values["stages"]]
    assert {stage.views for stage in Preset.from_dict(values).stages} == {None}


# === Resuming ===

RESUMED = replace(test_resume_state.PRESET, stages=(Stage("head", 3, trains="head", views=2), Stage("fine_tuning", 1)))


def experiment(manifest: pd.DataFrame, out: str | Path) -> Run:
    """As `tests.training.test_resume_state.experiment`, on kept features; the process that is killed calls it too."""
    return test_resume_state.experiment(manifest, out, preset=RESUMED)


def test_a_run_that_was_killed_on_kept_features_ends_with_the_same_weights(manifest, tmp_path):
    whole = experiment(manifest, tmp_path / "whole")
    code = textwrap.dedent(test_resume_state.KILLED).replace("tests.training.test_resume_state", __name__)
    table, out = str(whole.path / "manifest.csv"), str(tmp_path / "run")
    command = [sys.executable, "-c", code.format(epoch=2, point="batch", manifest=table, out=out)]
    environment = {**os.environ, "PYTHONPATH": str(test_resume_state.REPOSITORY)}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert answer.returncode == -signal.SIGKILL, answer.stderr[-2000:]
    assert len(Run(out).history) == 1
    run = experiment(manifest, out)
    weights, expected = (load_network(one.file("model.keras")).get_weights() for one in (run, whole))
    assert all(np.array_equal(one, other) for one, other in zip(weights, expected, strict=True))
    histories = [one.history.drop(columns="seconds") for one in (run, whole)]
    pd.testing.assert_frame_equal(*histories, check_exact=True)
