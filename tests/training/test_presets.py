"""The values of the presets, and how the values of a search become one."""

from __future__ import annotations

import pytest

from braintumor_tf.training import PRESETS, SPACES, Choice, Preset, Range, Stage, TrainingError, resolve_preset
from braintumor_tf.training.search.space import strengthened, with_values
from braintumor_tf.training.stages import trained_blocks
from braintumor_tf.types import ModelConfig

POSE = {
    "rotation_range": 15, "width_shift_range": 0.08, "height_shift_range": 0.08, "zoom_range": 0.15,
    "horizontal_flip": True, "fill_mode": "nearest",
}  # fmt: skip
STRONG = {
    **POSE, "rotation_range": 20, "width_shift_range": 0.1, "height_shift_range": 0.1, "zoom_range": 0.2,
    "brightness_range": (0.8, 1.2),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "stages", "others"),
    [
        (
            "scratch",
            [("training", 30, 2e-3, 0.07, "all", None)],
            {"batch_size": 32, "weight_decay": 0.0, "label_smoothing": 0.05, "patience": 12, "augmentation": POSE},
        ),
        (
            "transfer",
            [("head", 20, 2e-3, 0.0, "head", 2), ("fine_tuning", 20, 1e-3, 0.1, 0.75, None)],
            {
                "batch_size": 32, "weight_decay": 0.05, "label_smoothing": 0.1, "patience": None,
                "augmentation": STRONG, "normalisation_momentum": "auto",
            },
        ),
        (
            "lesion_aware",
            [("head", 20, 2e-3, 0.0, "head", 2), ("fine_tuning", 20, 1e-3, 0.1, 0.75, None)],
            {
                "batch_size": 32, "weight_decay": 0.05, "label_smoothing": 0.05, "patience": None,
                "augmentation": STRONG, "normalisation_momentum": "auto", "counterfactuals": 1, "grey_curves": 0.5,
                "bias_fields": 0.3, "blur": 1.0, "box_loss": 0.2,
            },
        ),
        (
            "smoke",
            [("training", 2, 2e-3, 0.07, "all", None)],
            {
                "batch_size": 16, "label_smoothing": 0.05, "patience": None,
                "augmentation": {"horizontal_flip": True},
            },
        ),
        ("pca", [("training", 1, 2e-3, 0.0, "all", None)], {"label_smoothing": 0.0, "patience": None}),
    ],
)  # fmt: skip
def test_the_presets_are_the_documented_ones(name, stages, others):
    common = {"clip_norm": 1.0, "class_weights": None, "monitor": "val_macro_f1", "precision": "auto"}
    keys = ("name", "epochs", "learning_rate", "warmup", "trains", "views")
    remedies = {"counterfactuals": 0, "grey_curves": 0.0, "bias_fields": 0.0, "blur": 0.0, "box_loss": 0.0}
    expected = {
        **remedies, "controls": 0.5, "balance": None, "group_dro": 0.0,
        "batch_size": 32, "weight_decay": 0.0, "augmentation": {}, "normalisation_momentum": None, **common, **others,
        "stages": tuple(dict(zip(keys, stage)) for stage in stages),
    }  # fmt: skip
    assert PRESETS[name].to_dict() == expected


def test_the_numbers_of_blocks_are_rounded_to_one_at_least():
    asked = ["head", "all", 1, 3, 0.01, 0.5, 0.75, 0.99]
    assert [trained_blocks(trains, 19) for trains in asked] == [0, 19, 1, 3, 1, 10, 14, 19]


@pytest.mark.parametrize(
    "edge",
    [
        {"label_smoothing": 0.0}, {"warmup": 0.0}, {"weight_decay": 0.0}, {"patience": 1}, {"epochs": 1},
        {"controls": 1}, {"grey_curves": 1.0}, {"counterfactuals": 3}, {"balance": "origin_class"}, {"group_dro": 0.1},
        {"batch_size": 1}, {"clip_norm": None}, {"normalisation_momentum": 0.0}, {"trains": 1},
    ],
)  # fmt: skip
def test_the_edges_of_settings_are_accepted(edge):
    assert isinstance(resolve_preset("scratch", **edge), Preset)


@pytest.mark.parametrize(
    "beyond",
    [
        {"label_smoothing": 1.0}, {"label_smoothing": -0.1}, {"warmup": 1.0}, {"learning_rate": 0.0},
        {"batch_size": 0}, {"clip_norm": 0.0}, {"trains": True - 1}, {"epochs": -1},
    ],
)  # fmt: skip
def test_beyond_the_edges_they_are_refused(beyond):
    with pytest.raises(TrainingError, match=next(iter(beyond))):
        resolve_preset("scratch", **beyond)


def test_none_keeps_a_setting_except_where_none_has_a_meaning():
    preset = Preset((Stage(),), batch_size=7, clip_norm=2.0, class_weights="balanced", patience=3, monitor="val_loss")
    same = resolve_preset(preset, batch_size=None, learning_rate=None, monitor=None, epochs=None)
    assert same == preset
    without = resolve_preset(preset, clip_norm=None, class_weights=None, patience=None)
    assert (without.clip_norm, without.class_weights, without.patience, without.batch_size) == (None, None, None, 7)


# === What is searched ===


def test_the_default_ranges_are_the_documented_ones():
    shared = {
        "weight_decay": Range(1e-4, 0.1, log=True), "label_smoothing": Range(0.0, 0.2), "dropout": Range(0.0, 0.7),
        "augmentation": Range(0.0, 2.0),
    }  # fmt: skip
    scratch = {
        "learning_rate": Range(3e-4, 1e-2, log=True),
        "epochs": Range(10, 60),
        "batch_size": Choice((16, 32, 64)),
    }
    transfer = {
        "learning_rate": Range(5e-5, 2e-3, log=True), "epochs": Range(5, 30), "batch_size": Choice((16, 32)),
        "trains": Choice((0.25, 0.5, 0.75, "all")),
    }  # fmt: skip
    smoke = {"learning_rate": Range(1e-3, 1e-2, log=True), "epochs": Range(1, 2), "dropout": Range(0.0, 0.5)}
    assert {"scratch": {**scratch, **shared}, "transfer": {**transfer, **shared}, "smoke": smoke} == SPACES


def test_values_reach_the_last_stage_and_what_is_not_searched_stays():
    preset = PRESETS["transfer"]
    values = {"learning_rate": 3e-4, "epochs": 7, "batch_size": 16, "trains": 0.5}
    changed, model = with_values(preset, ModelConfig(), values)
    assert model == ModelConfig() and changed.augmentation == STRONG and changed.batch_size == 16
    assert changed.stages[0] == preset.stages[0]
    last = changed.stages[1]
    assert (last.learning_rate, last.epochs, last.trains, last.warmup) == (3e-4, 7, 0.5, 0.1)
    assert with_values(preset, ModelConfig(), {"dropout": 0.1}) == (preset, ModelConfig(dropout=0.1))
    assert with_values(preset, ModelConfig(), {"augmentation": 0.0})[0].augmentation["rotation_range"] == 0
    for wrong in ({"dropout": 1.0}, {"dropout": -0.1}, {"augmentation": -0.1}):
        with pytest.raises(TrainingError):
            with_values(preset, ModelConfig(), wrong)


@pytest.mark.parametrize(
    ("name", "value", "strength", "expected"),
    [
        ("rotation_range", 20, 0.5, 10), ("shear_range", 4, 2, 8), ("channel_shift_range", 3.0, 2, 6.0),
        ("horizontal_flip", True, 0.1, True), ("horizontal_flip", True, 0, False), ("vertical_flip", False, 2, False),
        ("width_shift_range", 0.1, 2, 0.2), ("height_shift_range", 0.8, 2, 0.99), ("width_shift_range", 3, 0.5, 2),
        ("width_shift_range", [-4, 4], 0.5, [-2, 2]), ("height_shift_range", 1.5, 0.5, 0.0),
        ("height_shift_range", 1.5, 2, 3.0),
        ("zoom_range", 0.2, 0.5, [0.9, 1.1]), ("zoom_range", [0.5, 2.0], 2, [0.1, 3.0]), ("zoom_range", 0.2, 0, 0.0),
        ("brightness_range", (0.8, 1.2), 2, [0.6, 1.4]), ("brightness_range", (0.8, 1.2), 0, None),
        ("brightness_range", None, 2, None), ("fill_mode", "reflect", 2, "reflect"),
    ],
)  # fmt: skip
def test_strength_by_hand(name, value, strength, expected):
    assert strengthened({name: value}, strength) == {name: pytest.approx(expected)}
    assert strengthened({name: value}, 1) == {name: value}
