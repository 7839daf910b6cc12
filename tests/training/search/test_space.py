"""The ranges of a search, the strength of an augmentation, and presets in files; none of it needs Optuna."""

from __future__ import annotations

import json

import numpy as np
import pytest

from braintumor_tf.augment import ImageDataGenerator
from braintumor_tf.files import write_json
from braintumor_tf.training import (
    PARAMETERS,
    PRESETS,
    SPACES,
    Choice,
    Preset,
    TrainingError,
    resolve_preset,
    resolve_space,
)
from braintumor_tf.training.search.space import check_space, space_as_dict, strengthened
from braintumor_tf.types import ModelConfig


@pytest.mark.parametrize("name", SPACES)
def test_every_default_space_fits_its_preset_and_holds_the_epochs(name):
    space = resolve_space(None, preset=name)
    check_space(space, PRESETS[name], ModelConfig())
    assert "epochs" in space
    assert set(space) <= set(PARAMETERS)
    assert resolve_space(json.loads(json.dumps(space_as_dict(space))), preset=name) == space
    assert list(resolve_space(None, preset=name, fixed=["epochs"])) == [key for key in space if key != "epochs"]


@pytest.mark.parametrize(
    "augmentation",
    [
        PRESETS["scratch"].augmentation,
        {"zoom_range": [0.5, 2.0], "brightness_range": [0.2, 1.5], "width_shift_range": 3, "height_shift_range": 1.5},
        {"width_shift_range": [-4, 4], "shear_range": 5, "vertical_flip": True, "fill_mode": "reflect"},
    ],
)
def test_strength_scales_augmentation(augmentation):
    image = np.random.default_rng(0).uniform(0, 255, (32, 32, 1)).astype("float32")

    def change(strength: float) -> float:
        generator = ImageDataGenerator(**strengthened(augmentation, strength), seed=0)
        moved = [generator.random_transform(image, seed=seed) for seed in range(20)]
        return float(np.mean([np.abs(each - image).mean() for each in moved]))

    assert change(0) == 0
    assert strengthened(augmentation, 1) == dict(augmentation)
    assert 0 < change(0.3) <= change(1)
    change(3)  # stays within what the generator accepts


@pytest.mark.parametrize(
    ("content", "message"),
    [("[1]", "no preset"), ("{", "no preset"), ('{"stages": [{"epoch": 1}]}', "no preset"), (None, "no such preset")],
)
def test_a_file_that_is_no_preset_is_named(tmp_path, content, message):
    path = tmp_path / "best.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(TrainingError, match=message):
        resolve_preset(str(path))


def test_a_preset_with_a_function_is_not_read_from_a_file(tmp_path):
    preset = Preset(augmentation={"preprocessing_function": np.negative, "rotation_range": 5})
    write_json(tmp_path / "best.json", preset.to_dict())
    with pytest.raises(TrainingError, match="preprocessing_function is a function"):
        resolve_preset(tmp_path / "best.json")


def test_choices_keep_their_values():
    assert resolve_space({"trains": ["all", 4]}) == {"trains": Choice(("all", 4))}
