"""What the three iterators share: reproducible batches, made in parallel, of any epoch and in any order."""

from __future__ import annotations

import collections
import os
import threading
from collections.abc import Iterator as PythonIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from keras.utils import array_to_img

from braintumor_tf.augment.batch_memory import BatchMemory
from braintumor_tf.augment.noise.base import Noise, Record
from braintumor_tf.augment.random_streams import quick_stream
from braintumor_tf.augment.render import Scaling, add_noise, expand, load, rescale, transform, write
from braintumor_tf.augment.transform_draws import (
    BLOCK,
    IDENTITY,
    Block,
    TransformRanges,
    block_of_one,
    draw_block,
    epoch_order,
)
from braintumor_tf.augment.worker_threads import available_cores, for_each

if TYPE_CHECKING:
    import tensorflow as tf

_BLOCKS_KEPT = 256  # about 50 MB of parameters, for a quarter of a million images


class AugmentingGenerator(Protocol):
    """What an iterator asks of the generator that made it; `ImageDataGenerator` says what each setting means."""

    noise: Noise | None
    seed: int | None
    grey: bool | None
    crop: str | None
    cache: bool | int | str | Path
    on_error: str
    transform_ranges: TransformRanges
    scaling: Scaling | None
    replaced_methods: frozenset[str]

    def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]:
        """Draws the parameters of one image."""

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """Applies them to it."""

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """Standardises it."""


class ReproducibleIterator:
    """Mixed into Keras's iterators before Keras's own base class.

    Attributes:
        epoch: the current epoch, from 0. `on_epoch_end` moves to the next; assign to go to any.
        index_array: the numbers of the images in the order of the current epoch. After the last batch of a loop it is
            still the order of the epoch that ended, as in Keras, so that ``classes[index_array]`` belongs to the
            batches just seen; the next batch replaces it.
        threads: how many threads fill one batch; None for the processors available, divided by `workers`.
        clean: whether images are left as they are (the subset ``"validation"``).
        skipped: list of (path, reason) of files left out because they cannot be read.
    """

    image_data_generator: AugmentingGenerator
    threads: int | None = None
    skipped: tuple[tuple[str, str], ...] | list[tuple[str, str]] = ()

    def _start(self, subset: str | None, seed: int | None) -> None:
        generator = self.image_data_generator
        seed = generator.seed if seed is None else seed
        self.seed = int(np.random.randint(1 << 31)) if seed is None else int(seed)  # noqa: NPY002 - for set_random_seed
        self.clean = subset == "validation"
        self._epoch = 0
        self._blocks: collections.OrderedDict[tuple[int, int], Block] = collections.OrderedDict()
        self._orders: dict[int, np.ndarray] = {}
        self._state_lock = threading.Lock()
        self._memory = BatchMemory()
        self._replaced = generator.replaced_methods
        self._set_index_array()

    # === What Keras's Iterator and PyDataset offer ===

    @property
    def epoch(self) -> int:
        """The current epoch, from 0."""
        return self._epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._epoch = int(value)
        self._set_index_array()

    def __getitem__(self, idx: int) -> Any:
        if not -len(self) <= idx < len(self):
            raise ValueError(f"batch {idx} of an iterator that has {len(self)}")
        self.total_batches_seen += 1
        self._set_index_array()
        return self.batch(idx % len(self))

    def __next__(self) -> Any:
        with self.lock:
            epoch, numbers = self.epoch, next(self.index_generator)
        return self._make(numbers, epoch)

    def _flow_index(self) -> PythonIterator[np.ndarray]:
        while True:
            self._set_index_array()
            self.total_batches_seen += 1
            numbers = self.index_array[self.batch_size * self.batch_index : self.batch_size * (self.batch_index + 1)]
            self.batch_index += 1
            if self.batch_index >= len(self):
                self.batch_index = 0
                self._epoch += 1
            yield numbers

    def on_epoch_end(self) -> None:
        """Goes to the next epoch; Keras calls this."""
        self.epoch += 1

    def reset(self) -> None:
        """Starts again at the first batch, of the next epoch if a loop has begun this one."""
        if getattr(self, "batch_index", 0):
            self.epoch += 1
        self.batch_index = 0

    def _set_index_array(self) -> None:
        self.index_array = self.order(self._epoch)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        return self._make(np.asarray(index_array), self.epoch)

    # === Batches ===

    def order(self, epoch: int) -> np.ndarray:
        """Returns the numbers of the images in the order in which they come in an epoch."""
        with self._state_lock:
            if epoch not in self._orders:
                while len(self._orders) > 2:
                    self._orders.pop(next(iter(self._orders)))
                self._orders[epoch] = epoch_order(self.n, seed=self.seed, epoch=epoch, shuffle=self.shuffle)
            return self._orders[epoch]

    def batch(self, index: int, epoch: int | None = None, part: slice | None = None) -> Any:
        """Returns one batch: the same for the same arguments, whatever was asked for before.

        Args:
            index: which batch, from 0.
            epoch: which epoch; None for the current one.
            part: which of its images; None for all.
        """
        epoch = self.epoch if epoch is None else epoch
        numbers = self.order(epoch)[self.batch_size * index : self.batch_size * (index + 1)]
        return self._make(numbers if part is None else numbers[part], epoch)

    def parameters(self, number: int, epoch: int | None = None) -> dict[str, Any]:
        """Returns what an image gets in an epoch, as the generator's `apply_transform` takes and replays it.

        Args:
            number: of the image (its place in `filenames`, not in a batch).
            epoch: which epoch; None for the current one.
        """
        if self.clean:
            return dict(IDENTITY)
        epoch = self.epoch if epoch is None else epoch
        block, row = self._block(number, epoch)
        if "get_random_transform" in self._replaced:
            seed = int(block.noise_seeds[row]) % (1 << 32)
            return self.image_data_generator.get_random_transform(tuple(self.image_shape), seed=seed)
        return block.parameters(row) | {"noise": self._noise_record(block, row)}

    def to_dataset(self) -> tf.data.Dataset:
        """Returns the same batches as a `tf.data.Dataset` of one epoch; each pass over it is the next epoch.

        The first pass gives the current epoch.

        Raises:
            ImportError: TensorFlow is not installed.
        """
        import tensorflow as tf

        first = _as_tuple(self._make(self.order(self.epoch)[:1], self.epoch))
        signature = tf.nest.map_structure(lambda part: tf.TensorSpec((None, *part.shape[1:]), part.dtype), first)
        epochs = iter(range(self.epoch, 1 << 62))

        def batches() -> PythonIterator[Any]:
            epoch = next(epochs)
            for index in range(len(self)):
                yield _as_tuple(self.batch(index, epoch))

        dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
        return dataset.apply(tf.data.experimental.assert_cardinality(len(self))).prefetch(2)

    def memory_report(self) -> dict[str, int]:
        """Returns the bytes that this iterator keeps: images in memory and on disk, and spare batches."""
        batch = self.batch_size * int(np.prod(self.image_shape)) * np.dtype(self.dtype).itemsize
        return {"images_in_memory": 0, "images_on_disk": 0, "spare_batches_at_most": self._memory.kept * batch}

    def _make(self, numbers: np.ndarray, epoch: int) -> Any:
        generator = self.image_data_generator
        ranges, scaling = generator.transform_ranges, generator.scaling
        batch = self._memory.empty((len(numbers), *self.image_shape), self.dtype)

        def fill(place: int) -> None:
            if "apply_transform" in self._replaced:
                self._render_by_generator(int(numbers[place]), epoch, batch[place])
            else:
                self._render(int(numbers[place]), epoch, ranges, scaling, batch[place])

        for_each(len(numbers), fill, self.threads or max(1, available_cores() // max(1, self.workers)))
        if self.save_to_dir:
            self._save(batch, numbers, epoch)
        return self._with_targets(batch, numbers)

    def _render(
        self, number: int, epoch: int, ranges: TransformRanges, scaling: Scaling | None, out: np.ndarray
    ) -> None:
        image, channels = load(self._pixels(number)), self._shape()[2]
        if not self.clean:
            if "get_random_transform" in self._replaced:
                given = self.parameters(number, epoch)
                block, row, record = block_of_one(given, *image.shape[:2]), 0, given.get("noise")
            else:
                block, row = self._block(number, epoch)
                record = self._noise_record(block, row)
            image = add_noise(transform(image, ranges, block, row), record, channels)
        if scaling is None:
            out[...] = self.image_data_generator.standardize(expand(image, self.data_format, channels))
        else:
            write(rescale(image, scaling), self.data_format, out)

    def _render_by_generator(self, number: int, epoch: int, out: np.ndarray) -> None:
        generator = self.image_data_generator
        image = expand(self._pixels(number).astype(np.float32), self.data_format, self._shape()[2])
        out[...] = generator.standardize(generator.apply_transform(image, self.parameters(number, epoch)))

    def _block(self, number: int, epoch: int) -> tuple[Block, int]:
        key = (epoch, number // BLOCK)
        with self._state_lock:
            block = self._blocks.get(key)
        if block is None:
            ranges, (height, width, _) = self.image_data_generator.transform_ranges, self._shape()
            block = draw_block(ranges, height, width, seed=self.seed, epoch=epoch, block=number // BLOCK)
            with self._state_lock:
                self._blocks[key] = block
                while len(self._blocks) > _BLOCKS_KEPT:
                    self._blocks.popitem(last=False)
        return block, number % BLOCK

    def _noise_record(self, block: Block, row: int) -> Record | None:
        noise = self.image_data_generator.noise
        return None if noise is None else noise.sample(quick_stream(int(block.noise_seeds[row]), "noise"))

    def _shape(self) -> tuple[int, int, int]:
        """Returns (height, width, channels) of an image."""
        if self.data_format == "channels_first":
            return self.image_shape[1], self.image_shape[2], self.image_shape[0]
        return tuple(self.image_shape)

    def _save(self, batch: np.ndarray, numbers: np.ndarray, epoch: int) -> None:
        for image, number in zip(batch, numbers, strict=True):
            name = f"{self.save_prefix}_{number}_{self.seed}-{epoch}.{self.save_format}"
            array_to_img(image, self.data_format, scale=True).save(os.path.join(self.save_to_dir, name))

    def _pixels(self, number: int) -> np.ndarray:
        """Returns an image as stored: (height, width) for grey, else with channels last; not to be changed."""
        raise NotImplementedError

    def _with_targets(self, batch: np.ndarray, numbers: np.ndarray) -> Any:
        """Returns the batch with the targets and weights of its images, in Keras's form."""
        raise NotImplementedError


def _as_tuple(batch: Any) -> Any:
    return tuple(_as_tuple(part) for part in batch) if isinstance(batch, (list, tuple)) else np.asarray(batch)
