from __future__ import annotations

import keras
import numpy as np
import pytest
import visualkeras
from PIL import Image, ImageColor

from braintumor_tf.explanation import ExplanationError, draw_architecture
from braintumor_tf.explanation.network.architecture import VIEWS, _layered, _nodes
from braintumor_tf.explanation.network.architecture_steps import (
    BLOCKS,
    COLOURS,
    INVERTED_RESIDUAL,
    SKIP,
    TRANSFORMER,
    Step,
    graph_steps,
    layered_steps,
)
from braintumor_tf.models import build, load_model
from braintumor_tf.training.callbacks import save_network
from tests.training.toy import small_cnn

NETWORKS = ("CNN", "MobileNetV2-0.35", "EfficientNetB0", "ViT-Ti/16")


@pytest.fixture(scope="module")
def networks() -> dict[str, keras.Model]:
    return {name: build(name, seed=0) for name in NETWORKS}


def state(model: keras.Model) -> tuple:
    """Everything that a picture must leave as it was."""
    attributes = [sorted(vars(layer)) for layer in [model, *model.layers]]
    nodes = [(len(layer._inbound_nodes), len(layer._outbound_nodes)) for layer in model.layers]
    return model.to_json(), attributes, nodes, [layer.name for layer in model.layers]


def has_colour(picture: Image.Image, kind: str) -> bool:
    wanted = np.array(ImageColor.getrgb(COLOURS[kind]))
    return bool((np.abs(np.asarray(picture.convert("RGB")).astype(int) - wanted).sum(axis=-1) <= 6).sum() > 100)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", NETWORKS)
def test_pictures_show_every_kind_at_a_size_that_can_be_read(networks, name, view, tmp_path):
    model = networks[name]
    picture = draw_architecture(model, out=tmp_path / "deep" / "model.png", view=view)
    assert 600 < picture.width <= 1200 and 200 < picture.height < 800
    steps = (layered_steps if view == "layered" else graph_steps)(model)
    assert all(has_colour(picture, step.kind) for step in steps)
    stored = tmp_path / "deep" / "model.png"
    assert stored.stat().st_size < 60_000 and [path.name for path in stored.parent.iterdir()] == ["model.png"]
    with Image.open(stored) as image:
        assert image.format == "PNG" and image.size == picture.size
    border = np.asarray(picture)
    assert (border[:, :4] == 255).all() and (border[:, -4:] == 255).all() and (border[-4:] == 255).all()


@pytest.mark.parametrize("view", VIEWS)
def test_the_model_is_left_as_it_was(networks, view):
    for model in networks.values():
        before, weights = state(model), [np.array(weight) for weight in model.get_weights()]
        draw_architecture(model, view=view)
        assert state(model) == before
        assert all(np.array_equal(old, new) for old, new in zip(weights, model.get_weights()))


@pytest.mark.parametrize("view", VIEWS)
def test_the_model_is_left_as_it_was_when_visualkeras_fails(networks, view, monkeypatch, tmp_path):
    def fail(model, **settings):
        raise RuntimeError("out of paint")

    monkeypatch.setattr(visualkeras, f"{view}_view", fail)
    model = networks["CNN"]
    before = state(model)
    with pytest.raises(RuntimeError, match="paint"):
        draw_architecture(model, out=tmp_path / "model.png", view=view)
    assert state(model) == before and not list(tmp_path.iterdir())


def test_a_drawn_model_can_be_saved_and_predicts_the_same(tmp_path):
    model = small_cnn()
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1)).astype("float32")
    before = model.predict(images, verbose=0)
    for view in VIEWS:
        draw_architecture(model, view=view)
    save_network(model, tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras").predict(images, verbose=0), before)


def test_the_layered_view_counts_the_blocks_of_the_papers(networks):
    def kinds(name: str) -> list[str]:
        return [step.kind for step in layered_steps(networks[name])]

    assert kinds("MobileNetV2-0.35").count(INVERTED_RESIDUAL) == 17
    assert kinds("EfficientNetB0").count(INVERTED_RESIDUAL) == 16
    assert kinds("ViT-Ti/16").count(TRANSFORMER) == 12
    assert kinds("CNN").count("convolution") == 8 and kinds("CNN").count("pooling") == 4
    assert all(kinds(name)[0] == "image" and kinds(name)[-1] == "probabilities" for name in NETWORKS)
    sides = [step.shape[0] for step in layered_steps(networks["MobileNetV2-0.35"]) if len(step.shape) == 3]
    assert sides == sorted(sides, reverse=True) and set(sides) == {224, 112, 56, 28, 14, 7}


def test_the_graph_draws_one_block_with_its_branches_and_counts_the_others(networks):
    steps = graph_steps(networks["MobileNetV2-0.35"])
    assert [step.count for step in steps if step.kind == BLOCKS] == [2, 14]
    joint = next(step for step in steps if step.kind == "sum")
    assert len(joint.parents) == 2 and {steps[parent].kind for parent in joint.parents} == {BLOCKS, "convolution"}
    assert [step.count for step in graph_steps(networks["EfficientNetB0"]) if step.kind == BLOCKS] == [2, 13]
    assert [step.count for step in graph_steps(networks["ViT-Ti/16"]) if step.kind == BLOCKS] == [11]


def test_branches_that_skip_layers_run_through_nodes_of_their_own(networks):
    steps = graph_steps(networks["MobileNetV2-0.35"])
    nodes, levels = _nodes(steps)
    skips = [node for node in nodes if type(node).__name__ == SKIP]
    assert len(skips) == 3 and levels[-1] == len(set(levels)) - 1
    for node in nodes:
        for inbound in node._inbound_nodes:
            assert inbound.inbound_layers
    chain = graph_steps(networks["CNN"])
    assert len(_nodes(chain)[0]) == len(chain)


def test_other_networks_are_drawn_too(tmp_path):
    sequential = keras.Sequential(
        [
            keras.layers.Input((32, 32, 1)),
            keras.layers.Conv2D(4, 3),
            keras.layers.UpSampling2D(),
            keras.layers.Flatten(),
        ]
    )
    assert [step.kind for step in layered_steps(sequential)] == ["convolution", "UpSampling2D"]
    for view in VIEWS:
        assert draw_architecture(sequential, view=view).width > 50
    left = keras.layers.Input((8, 8, 1))
    branches = [keras.layers.Conv2D(2, 1)(left), keras.layers.Conv2D(3, 3, padding="same")(left)]
    model = keras.Model(left, keras.layers.Concatenate()(branches))
    assert graph_steps(model)[-1].parents == (0, 1)
    assert draw_architecture(model, view="graph", title="").height < draw_architecture(model, view="graph").height


def test_a_network_of_many_blocks_becomes_thinner_and_not_wider(networks):
    first, *_, last = layered_steps(networks["EfficientNetB0"])
    stages = ((112, 32, 3), (56, 40, 6), (28, 72, 6), (14, 200, 16), (7, 576, 14))
    blocks = [Step(INVERTED_RESIDUAL, (side, side, n), f"{n}_{i}") for side, n, count in stages for i in range(count)]
    picture = _layered([first, *blocks, last], 14)
    assert 900 < picture.width <= 1200


def test_what_cannot_be_drawn_is_named(networks):
    with pytest.raises(ExplanationError, match="'side' is no view; choose one of layered, graph"):
        draw_architecture(networks["CNN"], view="side")
    with pytest.raises(ExplanationError, match="dict has no layers"):
        draw_architecture({})
