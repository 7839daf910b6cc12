"""From a row of the registry to a model: one way to build, one way to load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES, MODALITIES, plain_label
from braintumor_tf.datasets.reading import check_crop
from braintumor_tf.errors import ModelError
from braintumor_tf.models.exported.contract import FORMATS
from braintumor_tf.models.input_memory import check_memory
from braintumor_tf.models.pretrained import resolve_weights
from braintumor_tf.models.registry import ModelSpec, get_spec
from braintumor_tf.types import RANDOM, ModelConfig, Predictor

if TYPE_CHECKING:
    import keras

    from braintumor_tf.models.exported.exported_model import ExportedModel
    from braintumor_tf.models.pca import PCALogisticRegression

_EXPORTED = "braintumor_tf.models.exported.exported_model:load_exported"
LOADERS = {
    ".keras": "braintumor_tf.models.network:load_network",
    ".skops": "braintumor_tf.models.pca:load_pca",
    **{Path(name).suffix: _EXPORTED for name in FORMATS.values()},
}
"""The function that loads a model file, by the file's suffix."""


def build(model: str | ModelConfig = "CNN", **settings: Any) -> keras.Model | PCALogisticRegression:
    """Builds an untrained model.

    Args:
        model: a name of `MODELS`, or a configuration.
        settings: fields of `ModelConfig` that replace the configuration's: classes, image_size, weights, dropout, head,
            crop, seed. Nothing is downloaded: published weights must lie in `braintumor_tf.models.weights_directory`.

    Returns:
        A flat functional `keras.Model` for a network, a `PCALogisticRegression` for the pipeline. Both know their class
        names and accept grey or RGB images of any size with pixels 0 to 255. Arrays that Keras's own ``model.predict``
        is given are not cropped: read them with ``braintumor_tf.datasets.read_image(path, crop="head")``.

    Raises:
        ModelError: the name or a setting is not known, or the weights do not fit the model.
        CropError: there is no such crop.
        WeightsUnavailable: the file of the weights is missing or damaged; the text says what to do.

    Example:
        >>> model = build("CNN", classes=4, seed=0)
        >>> model.output_shape
        (None, 4)
    """
    config = resolve_config(ModelConfig.of(model, **settings))
    spec = get_spec(config.model)
    file = resolve_weights(spec, config.weights, config.image_size)
    config = replace(config, weights=RANDOM if file is None else str(file))
    return resolve_name(spec.builder)(config, **spec.options)


def resolve_config(config: ModelConfig, labels: Iterable[str] | None = None) -> ModelConfig:
    """Returns a configuration with nothing left open: its classes a tuple of names, its size ``(height, width)``.

    Its weights stay as they are named; `build` finds their file.

    Args:
        config: the configuration.
        labels: the labels of the images, whose classes are taken where the configuration names none.

    Raises:
        ModelError: the name or a setting is not known.
        CropError: there is no such crop.

    Example:
        >>> config = resolve_config(ModelConfig(model="CNN"), labels=["tumor", "no_tumor"])
        >>> config.classes, config.image_size
        (('no_tumor', 'tumor'), (128, 128))
    """
    spec = get_spec(config.model)
    if not 0.0 <= config.dropout < 1.0:
        raise ModelError(f"dropout {config.dropout!r} is not a share; give a number from 0 to under 1")
    if config.classes is None:
        classes = CLASSES if labels is None else classes_of(labels)
    else:
        classes = resolve_classes(config.classes)
    return replace(
        config,
        classes=classes,
        image_size=_sides(spec, spec.image_size if config.image_size is None else config.image_size),
        dropout=float(config.dropout),
        head=tuple(config.head),
        crop=check_crop(config.crop),
    )


def as_predictor(model: keras.Model | Predictor) -> Predictor:
    """Returns the predictor that a model is, or for a Keras model of this package the `Network` around it.

    Keras is imported only for what is no predictor yet.
    """
    if isinstance(model, Predictor):
        return model
    import keras

    from braintumor_tf.models.network import Network

    return Network(model) if isinstance(model, keras.Model) else model


def load_model(path: str | Path) -> keras.Model | PCALogisticRegression | ExportedModel:
    """Loads a model that a run has kept, ``model.keras`` or ``model.skops``, or one that was exported.

    No format runs code of the file: Keras's safe mode is on, skops builds trusted types only, and what is exported is
    a graph.

    Raises:
        ModelError: the file is missing, damaged, of another format, or not made by this package.
    """
    path = Path(path)
    if path.suffix not in LOADERS:
        raise ModelError(f"{path}: not a model file; give one that ends in {' or '.join(LOADERS)}")
    if not path.is_file():
        raise ModelError(f"{path}: no such file; train the model first")
    return resolve_name(LOADERS[path.suffix])(path)


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


def resolve_class_names(classes: int | Sequence[str]) -> tuple[str, ...]:
    """Returns class names in the spelling of this package, in the order given.

    Raises:
        ModelError: fewer than two names, or two that mean the same class.

    Example:
        >>> resolve_class_names(["Glioma_tumor", "NO"])
        ('glioma', 'no_tumor')
    """
    given = resolve_classes(classes)
    names = tuple(plain_label(name) for name in given)
    if len(set(names)) != len(names):
        raise ModelError(f"two of the classes {', '.join(given)} are the same class here; name each once")
    return names


def classes_of(labels: Iterable[str]) -> tuple[str, ...]:
    """Returns the classes of labels in order: those of a task of this package where they fit, else sorted."""
    found = set(labels)
    for known in (BINARY_CLASSES, CLASSES, MODALITIES):
        if found <= set(known):
            return known
    return resolve_classes(sorted(found))


def _sides(spec: ModelSpec, size: int | Sequence[int]) -> tuple[int, int]:
    """Returns ``(height, width)``; refuses what the model cannot take."""
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise ModelError(f"image size {size!r} is not positive; give a side in pixels or (height, width)")
    if min(height, width) < spec.smallest:
        raise ModelError(
            f"image size {size!r} is too small for {spec.name}; give {spec.smallest} pixels a side or more "
            f"(its own is {spec.image_size})"
        )
    if height % spec.patch or width % spec.patch:
        raise ModelError(
            f"{spec.name} cuts images into patches of {spec.patch}: image size {size!r} is no multiple of it"
        )
    check_memory(spec, (height, width))
    return int(height), int(width)
