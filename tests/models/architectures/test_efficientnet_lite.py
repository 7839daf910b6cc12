"""EfficientNet-Lite: the published shape, the published weights, and what they see in photographs."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import skimage.data

from braintumor_tf.models import MODELS, ModelError, build, get_spec
from braintumor_tf.models.architectures.efficientnet_lite import load_lite_weights, scaled_blocks
from braintumor_tf.models.backbone import backbone_blocks
from braintumor_tf.models.pretrained import resolve_weights
from braintumor_tf.models.torch_file import read_torch_file

NAMES = [name for name in MODELS if name.startswith("EfficientNetLite")]
CATS, ESPRESSO, CUP = {281, 282, 283, 284, 285}, 967, 968
"""ImageNet's numbers of the domestic cats, of espresso and of a cup."""


def _square(photograph: np.ndarray) -> np.ndarray:
    side = min(photograph.shape[:2])
    top, left = ((length - side) // 2 for length in photograph.shape[:2])
    return photograph[None, top : top + side, left : left + side].astype("float32")


@pytest.mark.parametrize(
    ("name", "filters", "repeats"),
    [
        ("EfficientNetLite0", (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1)),
        ("EfficientNetLite1", (16, 24, 40, 80, 112, 192, 320), (1, 3, 3, 4, 4, 5, 1)),
        ("EfficientNetLite2", (16, 24, 48, 88, 120, 208, 352), (1, 3, 3, 4, 4, 5, 1)),
    ],
)
def test_stages_are_those_of_the_authors(name, filters, repeats):
    blocks = list(scaled_blocks(**get_spec(name).options))
    assert [block.filters for block in blocks] == [f for f, n in zip(filters, repeats) for _ in range(n)]
    assert sum(block.stride == 2 for block in blocks) == 4 and blocks[0].expansion == 1


@pytest.mark.parametrize("name", NAMES)
def test_imagenet_weights_know_a_cat_and_a_coffee(name):
    """The classifier of the file, laid on our features, names what scikit-image's own photographs show."""
    tensors = read_torch_file(resolve_weights(get_spec(name), "imagenet"))
    model = build(name, weights="imagenet", seed=0)
    features = keras.Model(model.inputs, model.get_layer("average_pooling").output)
    for photograph, wanted in (("chelsea", CATS), ("coffee", {ESPRESSO, CUP})):
        seen = features.predict(_square(getattr(skimage.data, photograph)()), verbose=0)[0]
        assert int(np.argmax(tensors["_fc.weight"] @ seen + tensors["_fc.bias"])) in wanted, photograph


def test_a_depthwise_kernel_lies_in_the_file_transposed():
    """The tensors are not contiguous: without their strides each kernel would be another."""
    tensors = read_torch_file(resolve_weights(get_spec("EfficientNetLite0"), "imagenet"))
    model = build("EfficientNetLite0", image_size=64, weights="imagenet", seed=0)
    for layer, name in (
        ("stem_convolution", "_conv_stem"),
        ("block_4_depthwise_convolution", "_blocks.3._depthwise_conv"),
    ):
        kernel, stored = model.get_layer(layer).get_weights()[0], tensors[f"{name}.weight"]
        rows, columns = kernel.shape[:2]
        for row, column in np.ndindex(rows, columns):
            plane = kernel[row, column] if layer.startswith("block") else kernel[row, column].T
            np.testing.assert_array_equal(plane, stored[:, :, row, column])


def test_weights_of_another_variant_are_refused_and_nothing_is_filled():
    other = resolve_weights(get_spec("EfficientNetLite1"), "imagenet")
    with pytest.raises(ModelError, match="does not hold EfficientNetLite0"):
        build("EfficientNetLite0", image_size=64, weights=other)
    model = build("EfficientNetLite2", image_size=64, seed=0)
    before = [value.copy() for value in model.get_weights()]
    with pytest.raises(ModelError, match="does not hold EfficientNetLite2"):
        load_lite_weights(model, str(other))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_blocks_are_found_and_the_seed_decides_weights_and_skipped_blocks():
    one, same, other = (build("EfficientNetLite0", image_size=32, seed=seed) for seed in (1, 1, 2))
    assert list(backbone_blocks(one)) == ["stem", *(f"block_{n}" for n in range(1, 17)), "top"]
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), same.get_weights(), strict=True))
    assert not np.array_equal(one.get_layer("stem_convolution").kernel, other.get_layer("stem_convolution").kernel)
    drops = [
        model.get_layer("block_3_drop")(np.ones((64, 2, 2, 24), "float32"), training=True) for model in (one, same)
    ]
    np.testing.assert_array_equal(*drops)
    skipped = np.asarray(drops[0])[:, 0, 0, 0]
    assert set(np.unique(skipped.round(4))) <= {0.0, np.float32(round(1 / (1 - 0.2 * 2 / 16), 4))}
    assert (np.asarray(drops[0]) == skipped[:, None, None, None]).all()
