"""The table of models: what each is called, what it expects, and which function builds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES
from braintumor_tf.models.errors import ModelError

NETWORK = "network"
"""Kind of a Keras model: trained in epochs, kept as ``model.keras``."""

PIPELINE = "pipeline"
"""Kind of a scikit-learn pipeline: fitted in one go, kept as ``model.skops``."""

FILES = MappingProxyType({NETWORK: "model.keras", PIPELINE: "model.skops"})
"""The file of a run that holds a model of each kind."""


@dataclass(frozen=True)
class ModelSpec:
    """One row of the table of models.

    Attributes:
        name: what `build` and the command line call it.
        kind: ``"network"`` or ``"pipeline"``; it decides who trains the model and how it is stored.
        builder: the function that builds it, as ``"module:function"``, imported when it is needed.
        image_size: the default side in pixels that images are resized to.
        channels: 1 for a model of grey images, 3 for RGB; images of either sort are accepted at the door.
        preset: the name of its training preset (`braintumor_tf.training.presets`).
        preprocessing: what the model does to an image before it learns from it, in words.
        input_range: lowest and highest pixel value that are handed in.
        weights: the values of `build`'s `weights` that the model knows.
        licence: the licence of its code and weights.
        options: further keyword arguments of the builder, such as a width multiplier.
    """

    name: str
    kind: str
    builder: str
    image_size: int
    channels: int
    preset: str
    preprocessing: str
    input_range: tuple[float, float] = (0.0, 255.0)
    weights: tuple[str, ...] = ("random",)
    licence: str = "MIT"
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of the model's file in a run directory."""
        return FILES[self.kind]

    def load_builder(self) -> Callable[..., Any]:
        """Imports and returns the function that builds the model."""
        return _imported(self.builder)


MODELS: Mapping[str, ModelSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            ModelSpec(
                name="CNN",
                kind=NETWORK,
                builder="braintumor_tf.models.cnn:build_cnn",
                image_size=128,
                channels=1,
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
    }
)
"""Every model by name; a new model is a new row."""


def get_spec(name: str) -> ModelSpec:
    """Returns the row of a model.

    Raises:
        ModelError: there is no model of that name; the text lists the names.
    """
    try:
        return MODELS[name]
    except KeyError:
        raise ModelError(f"{name!r} is no model; choose one of {', '.join(MODELS)}") from None


def build(
    name: str,
    classes: int | Sequence[str] = 4,
    image_size: int | tuple[int, int] | None = None,
    weights: str = "random",
    dropout: float = 0.5,
    head: Sequence[int] = (),
    seed: int | None = None,
) -> Any:
    """Builds an untrained model.

    Args:
        name: a name of `MODELS`.
        classes: the class names in order, or 4 or 2 for the two tasks of this package.
        image_size: side, or ``(height, width)``, that images are resized to; None for the model's own.
        weights: where a network's first weights come from: one of the spec's `weights`.
        dropout: share of features dropped before the classification while training; a pipeline has none.
        head: units of dense layers between the features and the classification; a pipeline takes none.
        seed: makes the first weights and the dropout repeatable; None for fresh ones.

    Returns:
        A flat functional `keras.Model` for a network, a `PCALogisticRegression` for the pipeline. Both know their class
        names and accept grey or RGB images of any size with pixels 0 to 255.

    Raises:
        ModelError: the name, the weights or a setting is not known.

    Example:
        >>> model = build("CNN", classes=4, seed=0)
        >>> model.output_shape
        (None, 4)
    """
    spec = get_spec(name)
    if weights not in spec.weights:
        raise ModelError(f"{name} has no weights {weights!r}; choose one of {', '.join(spec.weights)}")
    if not 0.0 <= dropout < 1.0:
        raise ModelError(f"dropout {dropout!r} is not a share; give a number from 0 to under 1")
    return spec.load_builder()(
        name=spec.name,
        classes=resolve_classes(classes),
        image_size=_pair(spec.image_size if image_size is None else image_size),
        weights=weights,
        dropout=float(dropout),
        head=tuple(head),
        seed=seed,
        **spec.options,
    )


def load_model(path: str | Path) -> Any:
    """Loads a model that a run has kept: ``model.keras`` or ``model.skops``.

    Neither format runs code of the file: Keras's safe mode is on, and skops builds trusted types only.

    Raises:
        ModelError: the file is missing, damaged, of another format, or not made by this package.
    """
    path = Path(path)
    loaders = {".keras": "braintumor_tf.models.network:load_network", ".skops": "braintumor_tf.models.pca:load_pca"}
    if path.suffix not in loaders:
        raise ModelError(f"{path}: not a model file; give one that ends in {' or '.join(loaders)}")
    if not path.is_file():
        raise ModelError(f"{path}: no such file; train the model first")
    return _imported(loaders[path.suffix])(path)


def resolve_classes(classes: int | Sequence[str]) -> tuple[str, ...]:
    """Returns class names: those given, or the four or two of this package for the numbers 4 and 2.

    Raises:
        ModelError: another number, fewer than two names, or a name twice.
    """
    if isinstance(classes, int):
        known = {len(CLASSES): CLASSES, len(BINARY_CLASSES): BINARY_CLASSES}
        if classes not in known:
            raise ModelError(f"{classes} classes have no names here; give the list of class names")
        return known[classes]
    names = tuple(classes)
    if isinstance(classes, str) or len(names) < 2 or len(set(names)) != len(names):
        raise ModelError(f"{classes!r} is no list of at least two different class names")
    return names


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise ModelError(f"image size {size!r} is not positive; give a side in pixels or (height, width)")
    return int(height), int(width)


def _imported(dotted: str) -> Callable[..., Any]:
    module, name = dotted.split(":")
    return getattr(import_module(module), name)
