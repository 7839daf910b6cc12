"""Any Keras classifier behind the interface of this package: one flat network with its input contract and classes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from braintumor_tf.datasets.reading import check_crop
from braintumor_tf.errors import BrainTumorWarning, ModelError
from braintumor_tf.models.factory import resolve_class_names
from braintumor_tf.models.layers import ClassProbabilities
from braintumor_tf.models.layers.input_layers import image_input
from braintumor_tf.models.network import Network
from braintumor_tf.models.wrapped.closing import check_units, close
from braintumor_tf.models.wrapped.inlining import InlinedLayers, has_graph
from braintumor_tf.models.wrapped.pixel_scaling import PixelScaling, Preprocess

PROBES, TOLERANCE = 4, 2e-3
"""Pictures of noise that both models are asked about, and how far a probability may differ (half precision)."""


@dataclass(frozen=True)
class WrappedModel:
    """A model from elsewhere, ready to be asked.

    Attributes:
        network: the predictor.
        scaling: what is done to pixels before the other model gets them; None for a function.
        notes: what was taken for granted, in words.
    """

    network: Network
    scaling: PixelScaling | None
    notes: tuple[str, ...]


def wrap_model(
    model: keras.Model,
    *,
    classes: int | Sequence[str],
    preprocess: Preprocess,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    crop: str | None = None,
) -> Network:
    """Puts a Keras classifier that was made elsewhere behind the interface of this package.

    The answer is a `Predictor` that `predict_manifest`, `robustness`, `explain`, `Ensemble` and `import_model` take.
    The layers of the model, and of models inside it, are copied into one flat network; the given model is not changed.
    Before them stands the input contract of every model here: grey or RGB images of any size, pixels 0 to 255, resized
    bilinearly with antialiasing. After them stand the probabilities of the named classes. Both models are asked about
    pictures of noise, and must say the same.

    Args:
        model: one input of images, channels last, and one answer an image: softmax, logits (a softmax is added), one
            sigmoid unit, or a sigmoid unit for each class (divided by their sum).
        classes: class names in the order of the answers, spelled as the labels of images are here where they are known
            (`datasets.labels`); of one sigmoid unit the second is what it is the probability of. Or 4 or 2.
        preprocess: what the model wants done to its pixels. None or ``"none"``: nothing, they are 0 to 255 (a model
            that scales them itself, such as Keras's EfficientNet). A module of `keras.applications` such as
            ``"mobilenet_v2"``: as its ``preprocess_input`` does. ``(scale, offset)``: pixels times scale plus offset,
            numbers or one each for red, green and blue. A function: it is given float32 of shape ``(images, height,
            width, channels)``, pixels 0 to 255 at the model's size, and returns float32 of that shape. A model with a
            function cannot be kept in a file.
        image_size: side, or ``(height, width)``; None for the model's own, which it must have.
        channels: 1 or 3; None for the model's own, which it must have.
        crop: ``"head"`` if the model learned from images that `read_image` cut down to the head; None for whole ones.

    Returns:
        A `Network`; its `model` is a flat Keras model, which can be saved and loaded as those of this package. What was
        added (a softmax) is said once, as a warning.

    Raises:
        CropError: there is no such crop.
        ModelError: the model has no size, no single input and answer, or other channels than 1 and 3; the answer does
            not fit the classes or gives no probabilities; the preprocessing is not known.

    Example:
        >>> theirs = keras.applications.MobileNetV2(weights=None, classes=2, input_shape=(32, 32, 3), alpha=0.35)
        >>> predictor = wrap_model(theirs, classes=["no", "yes"], preprocess="mobilenet_v2")
        >>> predictor.classes, predictor.image_size
        (('no_tumor', 'tumor'), (32, 32))
        >>> predictor.predict_images(np.zeros((1, 64, 64, 1), "uint8")).shape
        (1, 2)
    """
    found = wrap(model, classes=classes, preprocess=preprocess, image_size=image_size, channels=channels, crop=crop)
    for note in found.notes:
        warnings.warn(f"{model.name}: {note}", BrainTumorWarning, stacklevel=2)
    return found.network


def wrap(
    model: keras.Model,
    *,
    classes: int | Sequence[str],
    preprocess: Preprocess,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    crop: str | None = None,
) -> WrappedModel:
    """Does the work of `wrap_model`, and returns with the predictor what was taken for granted."""
    names = resolve_class_names(classes)
    function = preprocess if callable(preprocess) else None
    scaling = None if function else PixelScaling.of(preprocess)
    size, planes = _input_of(model, image_size, channels)
    image, fitted = image_input(size, channels=planes, crop=check_crop(crop))
    inlined = InlinedLayers()
    outputs = inlined.on(model, fitted if scaling is None else scaling.layers_on(fitted))
    check_units(outputs.shape, names)
    noise = np.random.default_rng(0).integers(0, 256, (PROBES, *size, planes)).astype("float32")
    wanted = scaling.applied(noise) if function is None else _checked(function, noise)
    shown = noise if function is None else wanted
    closed = close(image, outputs, names, inlined.copy_weights, shown)
    closed.model.name = model.name
    network = Network(
        closed.model, preprocess=None if function is None else (lambda images: _checked(function, images))
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The structure of `inputs`")  # of Keras 2: a list of one input, or a tensor
        answers = model(wanted, training=False)
    expected = closed.expected(keras.ops.convert_to_numpy(answers))
    _refuse_other_answers(keras.ops.convert_to_numpy(closed.model(shown, training=False)), expected)
    return WrappedModel(network, scaling, tuple(filter(None, [closed.note])))


def _input_of(
    model: keras.Model, image_size: int | tuple[int, int] | None, channels: int | None
) -> tuple[tuple[int, int], int]:
    """Returns ``(height, width)`` and the channels that a model takes, from the model and from what is asked for."""
    if any(isinstance(layer, ClassProbabilities) for layer in getattr(model, "layers", ())):
        raise ModelError(f"{model.name}: was built by this package and knows its classes; use it, or its run, as it is")
    shape: tuple[int | None, ...] = (None, None, None, None)
    if has_graph(model):
        if len(model.inputs) != 1 or len(model.outputs) != 1:
            raise ModelError(
                f"{model.name}: has {len(model.inputs)} inputs and {len(model.outputs)} answers; give a model that "
                "takes one image and says its class"
            )
        shape = tuple(model.inputs[0].shape)
    if len(shape) != 4:
        raise ModelError(f"{model.name}: takes the shape {shape}, no images (batch, height, width, channels)")
    if shape[-1] not in (None, 1, 3):
        first = "; its channels are first" if shape[1] in (1, 3) else ""
        raise ModelError(
            f"{model.name}: takes images of shape {shape[1:]}{first}; the last axis must be 1 or 3 channels"
        )
    asked = (image_size, image_size) if isinstance(image_size, int) else image_size or (None, None)
    wanted = (*asked, channels)
    for name, own, other in zip(("height", "width", "channels"), shape[1:], wanted):
        if own is None and other is None:
            raise ModelError(f"{model.name}: does not say its {name}; give image_size and channels (1 or 3)")
        if None not in (own, other) and own != other:
            raise ModelError(f"{model.name}: takes images of {name} {own}, not {other}; leave it out or give {own}")
    height, width, planes = (own or other for own, other in zip(shape[1:], wanted))
    return (int(height), int(width)), int(planes)


def _checked(function: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    """Applies a user's function to a copy of images; refuses what is no such batch any more."""
    found = np.asarray(function(np.array(images, "float32")), "float32")
    if found.shape != images.shape or not np.isfinite(found).all():
        raise ModelError(
            f"the preprocessing makes {found.shape} of images of shape {images.shape}"
            f"{'' if found.shape != images.shape else ', with pixels that are not finite'}; it must return as many "
            "images of the same size and channels, float32"
        )
    return found


def _refuse_other_answers(found: np.ndarray, expected: np.ndarray) -> None:
    if not np.isfinite(expected).all():
        raise ModelError("the model answers with NaN or infinity to pictures of noise; check its weights")
    difference = float(np.abs(found - expected).max())
    if difference > TOLERANCE:
        raise ModelError(
            f"the model could not be brought into one flat network: its probabilities differ by {difference:.3f}; "
            "it draws at random, or a layer's get_config does not hold all that it was made with"
        )
