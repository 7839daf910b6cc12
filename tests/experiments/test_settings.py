"""The settings of an experiment: put together from their two sources, written whole, read back."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from braintumor_tf.augment.noise import GaussianNoise
from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES
from braintumor_tf.errors import CropError, ModelError, RunError, TrainingError
from braintumor_tf.experiments.settings import ExperimentSettings, arguments_from, holds_functions
from braintumor_tf.files import to_json
from braintumor_tf.runs import Run
from braintumor_tf.types import ModelConfig
from tests.evaluation.made_runs import made_manifest

GIVEN = {"image_size": 32, "crop": "head", "dropout": 0.3, "epochs": 4, "batch_size": 8}


def made(model: str | ModelConfig = "CNN", **changes) -> ExperimentSettings:
    how = {"preset": "smoke", "seed": 5, "settings": GIVEN, "noise": GaussianNoise(0.1), "about": {"dataset": "toy"}}
    return ExperimentSettings.of(model, CLASSES, **{**how, **changes})


def test_settings_go_to_the_model_and_to_the_preset():
    found = made()
    assert (found.model.crop, found.model.dropout, found.model.image_size) == ("head", 0.3, 32)
    assert (found.preset.batch_size, found.preset.stages[-1].epochs) == (8, 4)
    assert found.model.classes == CLASSES and found.model.seed == 5, "the seed is that of the whole experiment"
    assert made(ModelConfig(seed=1, dropout=0.1), settings={}).model == ModelConfig(
        classes=CLASSES, dropout=0.1, seed=5
    )
    assert made(settings={}, preset=None).preset.stages[-1].epochs == 30, "a CNN's own preset is scratch"


def test_the_written_settings_have_these_names_and_values():
    written = json.loads(to_json(made().to_dict()))
    assert written.pop("training")["batch_size"] == 8 and written.pop("noise")["noise"] == "GaussianNoise"
    assert written == {
        "dataset": "toy", "model": "CNN", "classes": list(CLASSES), "image_size": 32, "weights": "random",
        "dropout": 0.3, "head": [], "crop": "head", "baselines": True, "seed": 5, "resamples": 1000,
    }  # fmt: skip


def test_what_was_written_gives_the_same_settings_again():
    first = made()
    arguments = arguments_from(json.loads(to_json(first.to_dict())))
    about = arguments.pop("config")
    again = ExperimentSettings.of(labels=CLASSES, about=about, settings={}, **arguments)
    assert again.to_dict() == {**first.to_dict(), "head": []}
    assert again.noise == first.noise and again.preset == first.preset


def test_a_run_that_is_older_than_a_setting_has_its_default(tmp_path):
    manifest = made_manifest(4)
    written = json.loads(to_json(made(settings={}).to_dict()))
    del written["crop"], written["dropout"]
    assert arguments_from(written)["model"].dropout == ModelConfig().dropout
    run = Run.create(tmp_path / "run", written, manifest)
    assert Run.resume(run.path, made(settings={}).to_dict(), manifest).path == run.path
    with pytest.raises(RunError, match="another dropout"):
        Run.resume(run.path, made(settings={"dropout": 0.1}).to_dict(), manifest)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"droput": 0.3}, TrainingError, "droput: no such setting; there are .*dropout.*epochs"),
        ({"dropout": 1.0}, ModelError, "dropout 1.0"),
        ({"crop": "brain"}, CropError, "brain"),
        ({"epochs": 0}, TrainingError, "epochs must be at least 1"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_done(settings, error, words):
    with pytest.raises(error, match=words):
        made(settings=settings)


def test_classes_are_those_of_the_labels_unless_given():
    labels = pd.Series(["tumor", "no_tumor"])
    assert ExperimentSettings.of("CNN", labels, preset=None, seed=0, settings={}).model.classes == BINARY_CLASSES
    assert made(settings={"classes": ["b", "a"]}).model.classes == ("b", "a")


def test_a_function_is_seen_in_what_was_written():
    plain, function = ({}, {"preprocessing_function": abs})
    for augmentation, expected in ((plain, False), (function, True)):
        written = json.loads(to_json(made(settings={"augmentation": augmentation}).to_dict()))
        assert holds_functions(written) is expected
