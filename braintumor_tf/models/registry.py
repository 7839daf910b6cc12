"""From a name of the table to a model: one builder, one way to load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from braintumor_tf.datasets.labels import BINARY_CLASSES, CLASSES, MODALITIES
from braintumor_tf.datasets.reading import check_crop
from braintumor_tf.errors import ModelError
from braintumor_tf.models.pretrained import RANDOM, resolve_weights
from braintumor_tf.models.table import FILES, MODELS, NETWORK, PIPELINE, ModelSpec, imported

__all__ = [
    "FILES",
    "MODELS",
    "NETWORK",
    "PIPELINE",
    "ModelSpec",
    "build",
    "classes_of",
    "get_spec",
    "load_model",
    "resolve_classes",
]


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
    weights: str | Path = RANDOM,
    dropout: float = 0.5,
    head: Sequence[int] = (),
    seed: int | None = None,
    crop: str | None = None,
) -> Any:
    """Builds an untrained model.

    Args:
        name: a name of `MODELS`.
        classes: the class names in order, or 4 or 2 for the two tasks of this package.
        image_size: side, or ``(height, width)``, that images are resized to; None for the model's own.
        weights: where a network's first weights come from: ``"random"``, ``"imagenet"`` (a published file that lies in
            `braintumor_tf.models.weights_directory`), or a file of your own: for EfficientNet and MobileNetV2 an
            ``.h5`` of Keras's headless network, for a ViT a checkpoint of timm (``.safetensors``) or Keras-Hub
            (``.h5``). The same file gives the same model, whichever way it is named; nothing is downloaded.
        dropout: share of features dropped before the classification while training; a pipeline has none.
        head: units of dense layers between the features and the classification; a pipeline takes none.
        seed: makes the first weights and the dropout repeatable; None for fresh ones.
        crop: ``"head"`` for a model whose images are cut down to the head before they are resized, in training and
            whenever this package predicts; None for whole images. Arrays that Keras's own ``model.predict`` is given
            are not cut: read them with ``braintumor_tf.datasets.read_image(path, crop="head")``.

    Returns:
        A flat functional `keras.Model` for a network, a `PCALogisticRegression` for the pipeline. Both know their class
        names and accept grey or RGB images of any size with pixels 0 to 255.

    Raises:
        ModelError: the name or a setting is not known, or the weights do not fit the model.
        CropError: there is no such crop.
        WeightsUnavailable: the file of the weights is missing or damaged; the text says what to do.

    Example:
        >>> model = build("CNN", classes=4, seed=0)
        >>> model.output_shape
        (None, 4)
    """
    spec = get_spec(name)
    if not 0.0 <= dropout < 1.0:
        raise ModelError(f"dropout {dropout!r} is not a share; give a number from 0 to under 1")
    size, crop = _pair(spec.image_size if image_size is None else image_size), check_crop(crop)
    file = resolve_weights(name, weights, size)
    model = spec.load_builder()(
        name=spec.name,
        classes=resolve_classes(classes),
        image_size=size,
        weights=RANDOM if file is None else str(file),
        dropout=float(dropout),
        head=tuple(head),
        seed=seed,
        **spec.options,
    )
    imported("braintumor_tf.models.network:as_predictor")(model).crop = crop
    return model


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
    return imported(loaders[path.suffix])(path)


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


def classes_of(labels: Iterable[str]) -> tuple[str, ...]:
    """Returns the classes of labels in order: those of a task of this package where they fit, else sorted."""
    found = set(labels)
    for known in (BINARY_CLASSES, CLASSES, MODALITIES):
        if found <= set(known):
            return known
    return resolve_classes(sorted(found))


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise ModelError(f"image size {size!r} is not positive; give a side in pixels or (height, width)")
    return int(height), int(width)
