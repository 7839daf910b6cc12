"""Stages: what is frozen stays, batch normalisation included; what is trained moves; settings reach the right stage."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pandas as pd
import pytest

from braintumor_tf.models import MODELS, build
from braintumor_tf.models.backbone import BATCH_NORMALISATION_MOMENTUM, backbone_blocks, head_layers
from braintumor_tf.models.network import load_network
from braintumor_tf.runs import Run
from braintumor_tf.training import PRESETS, Preset, Stage, TrainingError, fit, resolve_preset
from braintumor_tf.training.presets import ALL, HEAD
from braintumor_tf.training.settings import parse_trains
from braintumor_tf.training.stages import compile_stage, normalisation_momentum, prepare_normalisation, set_trainable
from tests.training.toy import small_cnn, toy_manifest

STAGES = (Stage("head", 1, trains=HEAD, warmup=0.0), Stage("fine_tuning", 1, learning_rate=5e-4, trains=1))
PLAIN = Preset(STAGES, batch_size=24, weight_decay=0.01, patience=None)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> pd.DataFrame:
    return toy_manifest(tmp_path_factory.mktemp("toy"))


def _network() -> keras.Model:
    return build("MobileNetV2-0.35", image_size=32, seed=0)


def _weights(model: keras.Model) -> dict[str, np.ndarray]:
    return {weight.path: keras.ops.convert_to_numpy(weight).copy() for weight in model.weights}


class _Snapshots(keras.callbacks.Callback):
    def __init__(self, network: keras.Model):
        super().__init__()
        self.network = network
        self.after: list[dict[str, np.ndarray]] = []

    def on_epoch_end(self, epoch, logs=None):
        self.after.append(_weights(self.network))  # Keras trains the head alone in the first stage


@pytest.fixture(scope="module")
def traced() -> Iterator[list[str]]:
    """The names of the networks whose training step was traced, once for each time."""
    names, step = [], keras.Model.train_step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "train_step", lambda model, data: names.append(model.name) or step(model, data))
        yield names


@pytest.fixture(scope="module")
def trained(manifest, traced, tmp_path_factory):
    model = small_cnn()
    snapshots = _Snapshots(model)
    run = Run.create(tmp_path_factory.mktemp("run") / "run", {}, manifest)
    before = _weights(model)
    training = fit(model, manifest, run=run, preset=PLAIN, show_progress=False, callbacks=[snapshots])
    return training, run, [before, *snapshots.after]


def _moved(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> set[str]:
    return {name for name in one if not np.array_equal(one[name], other[name])}


def test_the_first_stage_moves_the_head_alone(trained):
    training, _, (before, head, _) = trained
    assert _moved(before, head) == {weight.path for layer in head_layers(training.model) for weight in layer.weights}


def test_the_second_stage_moves_the_last_blocks_with_their_statistics_and_no_other(trained):
    training, _, (before, head, tuned) = trained
    blocks = list(backbone_blocks(training.model).values())[-1:]
    last = {weight.path for layers in blocks for layer in layers for weight in layer.weights}
    assert _moved(before, tuned) - _moved(before, head) == last
    assert any("moving_mean" in name for name in last) and any("moving_variance" in name for name in last)


def test_the_step_of_a_stage_is_traced_once(trained, traced):
    """Tracing a large network takes half a minute, and TensorFlow traces again what makes variables."""
    assert len(traced) == len(STAGES)


def test_the_history_names_the_stages_and_everything_is_trainable_afterwards(trained):
    training, run, _ = trained
    assert list(run.history["stage"]) == ["head", "fine_tuning"] and list(run.history["epoch"]) == [1, 2]
    assert all(layer.trainable for layer in training.model.layers)
    assert all(layer.trainable for layer in load_network(run.file("model.keras")).layers)


def test_a_stage_that_ends_early_hands_its_best_weights_to_the_next(manifest):
    stages = (Stage("head", 5, learning_rate=1e-12, trains=HEAD), Stage("rest", 1, learning_rate=1e-12))
    preset = Preset(stages, batch_size=24, patience=1, monitor="val_accuracy")
    training = fit(small_cnn(), manifest, preset=preset, show_progress=False)
    assert set(training.history["stage"]) == {"head", "rest"} and len(training.history) < 6
    assert list(training.history["epoch"]) == list(range(1, len(training.history) + 1))


def test_the_momentum_of_batch_normalisation_is_the_documented_one():
    layers = [layer for layer in _network().layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert layers and {layer.momentum for layer in layers} == {BATCH_NORMALISATION_MOMENTUM}


def test_the_momentum_looks_back_over_half_an_epoch_within_its_bounds():
    momenta = [normalisation_momentum(steps) for steps in (1, 6, 20, 40, 60, 67, 5000)]
    assert momenta == sorted(momenta) and momenta[0] == 0.9 and momenta[-1] == BATCH_NORMALISATION_MOMENTUM
    assert normalisation_momentum(40) == pytest.approx(1 - 1 / (40 / 2))


@pytest.mark.parametrize(
    ("wanted", "steps", "found"), [(None, 6, 0.97), ("auto", 6, 0.9), ("auto", 40, 0.95), (0.5, 6, 0.5)]
)
def test_a_preset_sets_the_momentum_of_batch_normalisation(wanted, steps, found):
    model = _network()
    prepare_normalisation(model, resolve_preset("transfer", normalisation_momentum=wanted), steps)
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {round(layer.momentum, 9) for layer in layers} == {found}


@pytest.mark.parametrize("momentum", [1.0, -0.1, "0.9"])
def test_a_momentum_that_is_no_share_is_refused(momentum):
    with pytest.raises(TrainingError, match="normalisation_momentum"):
        resolve_preset("transfer", normalisation_momentum=momentum)


def test_layers_are_chosen_by_name_of_the_stage_or_number_of_blocks():
    model = _network()
    blocks = backbone_blocks(model)
    half = round(0.5 * len(blocks))
    for trains, count in ((HEAD, 0), (1, 1), (0.5, half), (0.01, 1), (ALL, len(blocks))):
        set_trainable(model, trains)
        free = [name for name, layers in blocks.items() if all(layer.trainable for layer in layers)]
        assert free == list(blocks)[len(blocks) - count :]
        assert all(layer.trainable for layer in head_layers(model))
    with pytest.raises(TrainingError, match="blocks"):
        set_trainable(model, len(blocks) + 1)


def test_what_a_stage_trains_is_read_from_words():
    assert [parse_trains(words) for words in ("all", "head", "4", "0.75", None)] == [ALL, HEAD, 4, 0.75, None]
    for words in ("tail", "0", "1.5", "-2", "0.0", ""):
        with pytest.raises(TrainingError, match="a share"):
            parse_trains(words)


def test_weight_decay_takes_adamw_and_spares_biases_and_normalisation():
    model = _network()
    compile_stage(model, PLAIN, Stage(learning_rate=0.5, warmup=0.0), steps=3)
    assert isinstance(model.optimizer, keras.optimizers.AdamW) and model.optimizer.global_clipnorm == 1.0
    before = _weights(model)
    still = [keras.ops.zeros(weight.shape) for weight in model.trainable_variables]
    model.optimizer.apply(still, model.trainable_variables)  # without gradients decay alone moves weights
    moved = _moved(before, _weights(model)) - {path for path, values in before.items() if not values.any()}
    kernels = {weight.path for weight in model.trainable_variables if weight.path.endswith("kernel")}
    assert moved == kernels and len(kernels) > 50
    name = model.get_layer("probabilities").kernel.path
    np.testing.assert_allclose(_weights(model)[name], before[name] * (1 - 0.01 * 0.5), rtol=1e-5)
    compile_stage(model, Preset(), Stage(), steps=3)
    assert type(model.optimizer) is keras.optimizers.Adam


def test_label_smoothing_reaches_the_loss():
    model = small_cnn()
    right = np.eye(4, dtype="float32")
    losses = []
    for smoothing in (0.0, 0.2):
        compile_stage(model, Preset(label_smoothing=smoothing), Stage(), steps=1)
        losses.append(float(model.compute_loss(y=right, y_pred=right)))
    assert losses[0] == pytest.approx(0, abs=1e-5) and losses[1] > 1


def test_one_value_is_the_last_stages_and_a_list_has_one_for_each():
    preset = resolve_preset("transfer", epochs=7, learning_rate=[0.1, 0.2], trains=3)
    assert [(stage.learning_rate, stage.trains) for stage in preset.stages] == [(0.1, HEAD), (0.2, 3)]
    assert preset.stages[1].epochs == 7 and preset.epochs == 7 + PRESETS["transfer"].stages[0].epochs


def test_pretrained_models_default_to_transfer_and_random_ones_to_scratch():
    for spec in MODELS.values():
        assert spec.preset in PRESETS and spec.preset_for("random") in PRESETS
        if spec.pretrained:
            assert (spec.preset_for("imagenet"), spec.preset_for("random")) == ("transfer", "scratch")
