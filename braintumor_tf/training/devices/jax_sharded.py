"""Training with `keras.distribution` on the JAX backend: devices of this process, and of several processes.

JAX computes with arrays that span all devices as if there were one. So sums over a batch, gradient clipping and batch
normalisation need no care, and dropout draws the same masks. But Keras fixes once an epoch how batches lie on the
devices, while the last batch may not divide by their number. So every device is given the whole batch, and the split
into parts, of unequal size if need be, is made at the model's first layer. It needs JAX.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from typing import Any

import jax
import keras
import numpy as np
from jax.experimental import multihost_utils


class _SplitAtFirstLayer(keras.distribution.DataParallel):
    """Keras's data parallelism for batches of any size."""

    def get_data_layout(self, data_shape: Sequence[int]) -> keras.distribution.TensorLayout:
        """Gives every device the whole batch."""
        return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)

    def get_tensor_layout(self, path: str) -> keras.distribution.TensorLayout | None:
        """Lets every device go on with its images from the layer `SelectChannels` on, which every model opens with."""
        if path.split("/")[-2:] != ["channels", "output"]:
            return None
        return keras.distribution.TensorLayout([self.batch_dim_name, None, None, None], self.device_mesh)


def sharded_scope(names: Sequence[str]) -> contextlib.AbstractContextManager[Any]:
    """Returns the scope of data parallelism over devices named as ``"gpu:0"``."""
    return _SplitAtFirstLayer(devices=list(names), auto_shard_dataset=False).scope()


def lies_on_mesh(model: keras.Model) -> bool:
    """Whether the model's weights lie on the devices of the scope that is open now; without one, on one device."""
    distribution = keras.distribution.distribution()
    devices = [{f"{device.platform}:{device.id}" for device in weight.value.devices()} for weight in model.weights]
    if distribution is None:
        return all(len(names) == 1 for names in devices)
    wanted = {str(name) for name in distribution.device_mesh.devices.flatten()}
    return all(names == wanted for names in devices)


def initialize(job_addresses: str | None, num_processes: int | None, process_id: int | None) -> None:
    """Joins the processes by `keras.distribution.initialize`, on processors by Gloo."""
    if jax.config.jax_cpu_collectives_implementation in (None, "none"):
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
    keras.distribution.initialize(job_addresses, num_processes, process_id)


def is_same_everywhere(text: str) -> bool:
    """Whether all processes call this with the same text; it waits for them."""
    mine = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)
    return bool((multihost_utils.process_allgather(mine) == mine).all())


class ExchangedBatches(keras.utils.PyDataset):
    """The batches of an iterator, each made by all processes together: a part each, then exchanged.

    The iterator makes any image of any epoch by its number alone, so the batches are those that one process makes.

    Args:
        batches: an iterator of `braintumor_tf.augment`, the same in every process, whose epoch is set by others.
    """

    def __init__(self, batches: Any):
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        count = min(self.batches.batch_size, self.batches.n - index * self.batches.batch_size)
        size = -(-count // jax.process_count())
        start = size * jax.process_index()
        parts = self.batches.batch(index, part=slice(start, start + size))
        gathered = multihost_utils.process_allgather(tuple(_filled(part, size) for part in parts), tiled=True)
        return tuple(np.asarray(part)[:count] for part in gathered)


class GatheredOutputs:
    """What a model makes of images, computed by all processes together and given to each; the same call in all.

    Args:
        model: a model whose weights lie on the devices of all processes.
    """

    def __init__(self, model: keras.Model):
        groups = model.trainable_variables, model.non_trainable_variables
        self._variables = [[each.value for each in group] for group in groups]
        self._layout = jax.sharding.NamedSharding(model.variables[0].value.sharding.mesh, jax.sharding.PartitionSpec())
        self._step = jax.jit(lambda *values: model.stateless_call(*values, training=False)[0])

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns the outputs for a batch of images, which every process has whole."""
        everywhere = jax.make_array_from_process_local_data(self._layout, images)
        return np.asarray(multihost_utils.process_allgather(self._step(*self._variables, everywhere), tiled=True))


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    """Adds zeros at the end until there are `size` rows: the last processes may have fewer images, or none."""
    return np.concatenate([array, np.zeros((size - len(array), *array.shape[1:]), array.dtype)])
