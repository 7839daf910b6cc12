"""Fitting: it learns, it is repeatable, it survives an interruption, and it leaves the test images alone."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from braintumor_tf.augment.noise import GaussianNoise
from braintumor_tf.datasets.labels import CLASSES
from braintumor_tf.errors import ImageReadError
from braintumor_tf.files import to_json
from braintumor_tf.models import load_model
from braintumor_tf.models.factory import as_predictor
from braintumor_tf.runs import Run
from braintumor_tf.training import Preset, Stage, TrainingError, callbacks, fit, resolve_preset, split_settings
from braintumor_tf.training.batches import class_weights, training_batches, validation_batches
from braintumor_tf.training.presets import MONITORS, PRESETS
from braintumor_tf.training.stages import learning_rate_schedule
from tests.training.toy import small_cnn, toy_manifest

QUICK = {"preset": "smoke", "show_progress": False, "augmentation": {}}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


class _Interrupt(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


def test_same_seeds_give_the_same_weights_and_another_seed_others(manifest):
    augmented = {**QUICK, "augmentation": PRESETS["scratch"].augmentation, "epochs": 1, "noise": GaussianNoise()}
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (the global state must not move)
    one, same, other = (fit(small_cnn(0), manifest, seed=seed, **augmented).model.get_weights() for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_an_interrupted_fit_keeps_its_history_and_its_best_model(manifest, tmp_path):
    run = Run.create(tmp_path / "run", {}, manifest)
    model = small_cnn()
    with pytest.raises(KeyboardInterrupt):
        fit(model, manifest, run=run, callbacks=[_Interrupt()], **{**QUICK, "epochs": 6})
    assert list(run.history["epoch"]) == [1, 2]
    assert {"loss", "val_loss", "accuracy", "val_macro_f1", "learning_rate", "seconds"} <= set(run.history)
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)
    kept = as_predictor(load_model(run.file("model.keras"))).predict_images(images)
    np.testing.assert_allclose(kept, as_predictor(model).predict_images(images), atol=1e-6)
    assert not run.finished and sorted(path.name for path in run.path.iterdir()) == [
        "checkpoint",
        "config.json",
        "history.csv",
        "manifest.csv",
        "model.keras",
        "model.sha256",
    ]


def test_training_ends_early_without_a_better_epoch_and_never_opens_a_test_image(manifest):
    gone = manifest.assign(path=manifest["path"].where(manifest["split"] != "test", "/nowhere.png"))
    training = fit(
        small_cnn(), gone, **{**QUICK, "epochs": 9, "learning_rate": 1e-12, "patience": 1}, monitor="val_accuracy"
    )
    assert len(training.history) < 9 and training.best["epoch"] < 9
    best = training.history.loc[training.history["epoch"] == training.best["epoch"], "val_accuracy"].item()
    assert best == training.history["val_accuracy"].max() == training.best["score"]


def test_a_loss_that_is_not_finite_stops_with_a_word(manifest):
    with pytest.raises(TrainingError, match="not finite"):
        fit(small_cnn(), manifest, **{**QUICK, "learning_rate": 1e38, "clip_norm": None, "epochs": 3})


def test_augmentation_and_noise_touch_the_training_images_only(manifest):
    predictor = as_predictor(small_cnn())
    noisy = training_batches(
        manifest, predictor, batch_size=8, augmentation={"rotation_range": 30}, noise=GaussianNoise()
    )
    plain = training_batches(manifest, predictor, batch_size=8, augmentation={})
    assert len(noisy) == 12 and not np.array_equal(noisy[0][0], plain[0][0])
    np.testing.assert_array_equal(noisy[0][1], plain[0][1])
    clean = validation_batches(manifest, predictor, batch_size=8)
    np.testing.assert_array_equal(clean[0][0], validation_batches(manifest, predictor, batch_size=8)[0][0])
    assert clean[0][0].min() >= 0 and 1 < clean[0][0].max() <= 255
    labels = np.concatenate([clean[index][1] for index in range(len(clean))]).argmax(axis=1)
    expected = manifest.loc[manifest["split"] == "validation", "label"]
    assert [predictor.classes[index] for index in labels] == list(expected)


def test_images_are_batched_whatever_their_names_end_in(manifest, tmp_path):
    rows, predictor = manifest.copy(), as_predictor(small_cnn())
    for place, suffix in zip(rows.index[rows["split"] == "train"][:3], (".webp", ".gif", ""), strict=False):
        renamed = tmp_path / f"image{suffix}"
        renamed.write_bytes(Path(rows.loc[place, "path"]).read_bytes())
        rows.loc[place, "path"] = str(renamed)
    batches = training_batches(rows, predictor, batch_size=8, augmentation={})
    assert batches.n == (rows["split"] == "train").sum()
    rows.loc[place, "path"] = str(tmp_path / "absent.png")
    with pytest.raises(ImageReadError, match=r"absent\.png"):
        training_batches(rows, predictor, batch_size=8, augmentation={})


def test_images_scaled_twice_are_refused(manifest):
    with pytest.raises(ValueError, match="0-1"):
        fit(small_cnn(), manifest, **{**QUICK, "augmentation": {"rescale": 1 / 255}})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"split": "train"}, "validation split"),
        ({"split": ""}, "train split"),
        ({"label": "cat"}, "cat"),
    ],
)
def test_a_manifest_that_does_not_fit_is_named(manifest, change, words):
    with pytest.raises(TrainingError, match=words):
        fit(small_cnn(), manifest.assign(**change), **QUICK)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"preset": "fast"}, "scratch"),
        ({"epoch": 3}, "no such training setting"),
        ({"epochs": 0}, "epochs"),
        ({"monitor": "test_accuracy"}, "val_macro_f1"),
        ({"warmup": 1.5}, "warmup"),
        ({"patience": 0}, "patience"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"trains": 0}, "trains"),
        ({"trains": "tail"}, "'head'"),
        ({"trains": 1.0}, "a share"),
        ({"trains": 0.0}, "a share"),
        ({"epochs": [1, 2, 3]}, "3 values"),
        ({"stages": ()}, "stages"),
    ],
)
def test_wrong_settings_are_named(settings, words):
    with pytest.raises(TrainingError, match=words):
        resolve_preset(**{"preset": "scratch", **settings})


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_in_range_and_augments_only_by_known_arguments(name, manifest):
    preset = resolve_preset(name)
    assert preset.monitor in MONITORS and set(preset.to_dict()) >= {"stages", "batch_size", "augmentation"}
    assert Preset.from_dict(json.loads(to_json(preset.to_dict()))).epochs == preset.epochs
    training_batches(
        manifest, as_predictor(small_cnn()), batch_size=preset.batch_size, augmentation=preset.augmentation
    )


def test_the_learning_rate_rises_then_falls_to_zero():
    stage = resolve_preset("scratch", epochs=10, warmup=0.1, learning_rate=0.01).stages[0]
    rates = [float(learning_rate_schedule(stage, steps=20)(step)) for step in range(0, 201, 5)]
    peak = int(np.argmax(rates))
    assert peak == 4 and rates[peak] == pytest.approx(0.01, rel=1e-3)
    assert rates[0] == pytest.approx(0.0005) and rates[-1] == pytest.approx(0, abs=1e-8)
    assert (np.diff(rates[:peak]) > 0).all() and (np.diff(rates[peak:]) <= 0).all()


def test_progress_is_a_bar_on_standard_error_or_nothing(manifest, monkeypatch, capsys):
    class Impatient(callbacks.tqdm):
        def __init__(self, **options):
            super().__init__(**{**options, "delay": 0, "mininterval": 0, "miniters": 1})

    monkeypatch.setattr(callbacks, "tqdm", Impatient)
    fit(small_cnn(), manifest, **{**QUICK, "show_progress": True})
    shown = capsys.readouterr()
    assert "Training" in shown.err and "12/12" in shown.err and "epoch 2/2, val_macro_f1 " in shown.err
    fit(small_cnn(), manifest, **QUICK)
    silent = capsys.readouterr()
    assert "Training" not in silent.err and shown.out == silent.out == ""


def test_a_class_that_alone_has_a_weight_is_what_the_model_learns_to_say(manifest):
    for favoured in ("meningioma", "pituitary"):
        weights = {name: float(name == favoured) for name in CLASSES}
        settings = {**QUICK, "epochs": 1, "batch_size": 8, "learning_rate": 0.1, "warmup": 0.0}
        network = as_predictor(fit(small_cnn(), manifest, class_weights=weights, **settings).model)
        answers = network.predict_images(validation_batches(manifest, network, batch_size=24)[0][0]).argmax(axis=1)
        assert (answers == CLASSES.index(favoured)).mean() > 0.9


def test_class_weights_balance_the_classes():
    rows = pd.DataFrame({"label": ["a"] * 6 + ["b"] * 2})
    assert class_weights(rows, ("a", "b", "c"), "balanced") == {"a": 8 / 12, "b": 2.0, "c": 0.0}
    assert class_weights(rows, ("a", "b"), {"b": 3}) == {"a": 1.0, "b": 3.0}
    assert class_weights(rows, ("a", "b"), None) is None
    for wrong in ("even", {"z": 1.0}, {"a": -1.0}):
        with pytest.raises(TrainingError, match="class_weights"):
            class_weights(rows, ("a", "b"), wrong)


def test_settings_of_an_experiment_are_split_into_model_and_training():
    model, training = split_settings({"dropout": 0.1, "crop": "head", "epochs": 3, "stages": (Stage(),)})
    assert model == {"dropout": 0.1, "crop": "head"} and set(training) == {"epochs", "stages"}
    assert split_settings({}) == ({}, {})
    with pytest.raises(TrainingError, match="epoch, size: no such setting; there are .*dropout.*epochs.*weights"):
        split_settings({"size": 3, "epoch": 5, "dropout": 0.1})
