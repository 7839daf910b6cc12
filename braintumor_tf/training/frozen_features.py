"""Training the head alone on features of the frozen backbone, which are computed once instead of in every epoch."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from tqdm.auto import tqdm

from braintumor_tf.augment.image_cache import CACHE_BYTES, ImageCache
from braintumor_tf.errors import TrainingError
from braintumor_tf.models.backbone import head_layers
from braintumor_tf.training.devices.devices import is_first_process, part_of_this_process, processes
from braintumor_tf.training.presets import HEAD, Stage
from braintumor_tf.training.stages import jit_compile

_POOLING = ("average_pooling", "class_token")
"""Layers of the head that have neither weights nor chance, so that what leaves them can be kept."""


class FeatureBatches(keras.utils.PyDataset):
    """The batches of an iterator, in its order, with the backbone's features in the place of the images.

    Args:
        batches: an iterator of `braintumor_tf.augment` with one-hot labels, whose epoch is set by others.
        features: under each view's number, float32 of shape ``(images, features)`` in the iterator's numbering.
        views: how many views there are; epoch `first_epoch` uses view 0, the next view 1, and so on in turn.
        first_epoch: the epoch that uses view 0.
    """

    def __init__(self, batches: Any, features: ImageCache, *, views: int = 1, first_epoch: int = 0):
        super().__init__()
        self.batches = batches
        self.features = features
        self.views = views
        self.first_epoch = first_epoch
        self.targets = np.eye(len(batches.class_indices), dtype="float32")[np.asarray(batches.classes)]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        size, epoch = self.batches.batch_size, self.batches.epoch
        numbers = self.batches.order(epoch)[size * index : size * (index + 1)]
        view = (epoch - self.first_epoch) % self.views
        weights = self.batches.sample_weight
        batch = self.features.get(view)[numbers], self.targets[numbers]
        return batch if weights is None else (*batch, weights[numbers])


def split_at_features(model: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Cuts a network where its features are pooled; both parts share its layers and weights.

    Args:
        model: a network built by `braintumor_tf.models.build`, or loaded.

    Returns:
        A model from images to features, shape ``(batch, features)``, and one from features to probabilities.

    Example:
        >>> from braintumor_tf.models import build
        >>> backbone, head = split_at_features(build("CNN", image_size=32))
        >>> backbone.output_shape, head.output_shape
        ((None, 256), (None, 4))
    """
    features = next(layer.input for layer in head_layers(model) if layer.name not in _POOLING)
    parts = keras.Model(model.input, features), keras.Model(features, model.output)
    for part, name in zip(parts, ("features", "head")):
        part.dtype_policy = model.dtype_policy
        part.name = f"{model.name}_{name}"
    return parts


def kept_views(stage: Stage, *, augmented: bool) -> int:
    """Returns of how many views of the training images a stage keeps the features; 0 if it trains on images.

    Args:
        stage: the stage.
        augmented: whether training images are augmented or made noisy. Where they are not, all views are the same and
            one is kept, unless `Stage.views` is 0.
    """
    if stage.trains != HEAD or stage.views == 0:
        return 0
    if not augmented:
        return 1
    return min(stage.views or 0, stage.epochs)


def stage_inputs(
    model: keras.Model,
    stage: Stage,
    *,
    batches: Any,
    validation: Any,
    augmented: bool,
    first_epoch: int = 0,
    show_progress: bool = True,
    memory_bytes: int = CACHE_BYTES,
) -> tuple[keras.Model, Any, Any]:
    """Returns what a stage calls Keras's `fit` on: a model, its training batches, its validation batches.

    That is the network and images, or, where `kept_views` says so, the head alone and features of the frozen backbone.
    The backbone is then run in inference mode (the stochastic depth of EfficientNet rests too), once for the validation
    images and once for each view of the training images; a view is what the images look like in one epoch. Where
    there are as many views as epochs, the weights come out as without this, but for rounding.

    Features take 4 bytes x features x images x views: MobileNetV2 has 1280 features, so 10,000 images take 51 MB a
    view. What does not fit into `memory_bytes` is kept in a temporary file, which is mapped into memory.

    Args:
        model: the network, its layers frozen already as the stage wants it.
        stage: the stage.
        batches: an iterator over the training images.
        validation: an iterator over the validation images.
        augmented: whether training images are augmented or made noisy.
        first_epoch: epochs before this stage.
        show_progress: whether to show a bar.
        memory_bytes: what features of the training images take in memory at most.

    Raises:
        TrainingError: the temporary file cannot be written.
    """
    views = kept_views(stage, augmented=augmented)
    if not views:
        return model, part_of_this_process(batches), validation
    backbone, head = split_at_features(model)
    backbone.compile(jit_compile=jit_compile())
    training = ImageCache(views, memory_bytes=memory_bytes)
    steps = views * len(batches) + len(validation)
    show = show_progress and is_first_process()
    with tqdm(desc="Computing features", total=steps, unit="step", delay=2.0, disable=not show, leave=False) as bar:
        try:
            for view in range(views):
                training.put(view, _features(backbone, batches, first_epoch + view, bar))
            training.freeze()
        except OSError as error:
            raise TrainingError(
                f"features cannot be kept on disk: {error.strerror or error}; "
                f"make room for temporary files, or take fewer views than {views}"
            ) from error
        validating = ImageCache(1, memory_bytes=memory_bytes)
        validating.put(0, _features(backbone, validation, 0, bar))
        validating.freeze()
    kept = FeatureBatches(batches, training, views=views, first_epoch=first_epoch)
    return head, kept, FeatureBatches(validation, validating)


class _Steps(keras.callbacks.Callback):
    def __init__(self, bar: Any):
        super().__init__()
        self._bar = bar

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._bar.update(1)


def _features(backbone: keras.Model, batches: Any, epoch: int, bar: Any) -> np.ndarray:
    """Returns the features of all images as they look in an epoch, by number, float32."""
    batches.epoch = epoch
    order = batches.order(epoch)
    if processes() > 1:
        rows = _of_all_processes(backbone, batches, bar)
    else:
        try:
            rows = backbone.predict(batches, verbose=0, callbacks=[_Steps(bar)])
        finally:  # an interruption would leave the layers without their weights on JAX
            getattr(backbone, "jax_state_sync", lambda: None)()
    features = np.empty(rows.shape, "float32")
    features[order] = rows
    return features


def _of_all_processes(backbone: keras.Model, batches: Any, bar: Any) -> np.ndarray:
    from braintumor_tf.training.devices.jax_sharded import GatheredOutputs

    outputs, shared = GatheredOutputs(backbone), part_of_this_process(batches)
    rows = []
    for index in range(len(shared)):
        rows.append(outputs(shared[index][0]))
        bar.update(1)
    return np.concatenate(rows)
