"""Attention rollout with the weakest attentions left out, against plain loops; its defaults."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from braintumor_tf.explanation import explain
from braintumor_tf.explanation.images import in_image_coordinates
from braintumor_tf.explanation.maps.attention import rollout
from tests.explanation.maps.test_attention import FITTED, rollout_by_loops, scores_of, tiny


def without_weakest(block: np.ndarray, ratio: float) -> np.ndarray:
    """A block's attention in which the weakest share of entries is 0; rows add up to 1 where anything is left."""
    kept = block.copy()
    places = sorted(np.ndindex(*block.shape), key=lambda place: block[place])
    for place in places[: int(block.size * ratio)]:
        kept[place] = 0
    return np.array([row / row.sum() if row.any() else row for row in kept])


@pytest.fixture(scope="module")
def transformer() -> keras.Model:
    model = tiny()
    for factor, name in ((60, "block_1_attention"), (25, "block_2_attention")):
        layer = model.get_layer(name)
        layer.set_weights([weight * factor for weight in layer.get_weights()])
    return model


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.6, 0.95])
def test_the_weakest_share_of_each_block_is_left_out(ratio: float) -> None:
    generator = np.random.default_rng(1)
    attention = generator.random((2, 3, 6, 6)) * np.array([1, 0.1, 5])[:, None, None]  # blocks of unlike strength
    for image, found in enumerate(rollout(attention, discard_ratio=ratio)):
        expected = rollout_by_loops(np.stack([without_weakest(block, ratio) for block in attention[image]]))
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(("fusion", "ratio"), [("mean", 0.5), ("max", 0.7)])
def test_explain_passes_the_settings_on(transformer: keras.Model, fusion: str, ratio: float) -> None:
    fused = getattr(scores_of(transformer).astype(float), fusion)(axis=2)
    heat = explain(transformer, FITTED, head_fusion=fusion, discard_ratio=ratio)
    for image, blocks in enumerate(fused):
        reached = rollout_by_loops(np.stack([without_weakest(block, ratio) for block in blocks]))
        expected = in_image_coordinates(reached[0, 1:].reshape(2, 3), (32, 48))
        np.testing.assert_allclose(heat[image], expected / expected.max(), atol=1e-4)


def test_unless_told_otherwise_heads_are_averaged_and_nothing_is_left_out(transformer: keras.Model) -> None:
    found = explain(transformer, FITTED)
    np.testing.assert_array_equal(found, explain(transformer, FITTED, head_fusion="mean", discard_ratio=0.0))
    assert np.abs(found - explain(transformer, FITTED, head_fusion="max")).max() > 1e-3
    assert np.abs(found - explain(transformer, FITTED, discard_ratio=0.5)).max() > 1e-3
