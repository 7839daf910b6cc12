"""Iterators over an array, a folder and a table: Keras's, with batches made by `ReproducibleIterator`."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from braintumor_tf.augment.file_reading import make_loader, read_all, refuse, some_of, unused_files, why_invalid
from braintumor_tf.augment.image_cache import CACHE_BYTES, ImageCache
from braintumor_tf.augment.iterators import AugmentingGenerator, ReproducibleIterator
from braintumor_tf.augment.keras_compat import (
    KerasDataFrameIterator,
    KerasDirectoryIterator,
    KerasNumpyArrayIterator,
    arguments_of,
)
from braintumor_tf.augment.noise.base import has_equal_channels
from braintumor_tf.augment.render import Scaling
from braintumor_tf.augment.transform_draws import TransformRanges
from braintumor_tf.augment.worker_threads import available_cores
from braintumor_tf.datasets.formats.memory import shortage
from braintumor_tf.datasets.reading import LUMA, warn_of_pages
from braintumor_tf.errors import DatasetError, NoiseError

_LUMA = np.array(LUMA, dtype=np.float32)


@dataclass(frozen=True)
class _PlainSettings:
    """What iterators that are made without a generator go by: images as they are."""

    noise: None = None
    seed: None = None
    grey: None = None
    crop: None = None
    cache: bool = True
    on_error: str = "raise"
    transform_ranges: TransformRanges = field(default_factory=TransformRanges)
    scaling: Scaling = field(default_factory=Scaling)
    replaced_methods: frozenset[str] = frozenset()
    _validation_split: float = 0.0


class FilesIterator(ReproducibleIterator):
    """What the iterators over files share: reading all of them at the start, and the targets."""

    def read_files(self) -> None:
        """Reads every file now, in parallel, and keeps the pixels as the generator's `cache` says.

        `flow_from_directory` and `flow_from_dataframe` have done so, unless `validate_filenames` was False.

        Raises:
            DatasetError: files cannot be read and `on_error` is ``"raise"``, or none can; or there is no room to keep
                the pixels.
        """
        generator = self.image_data_generator
        paths = list(self._filepaths)
        cache = _make_cache(generator.cache, len(paths))
        try:
            keep = None if cache is None else cache.put
            failures = read_all(paths, self._load, keep=keep, threads=available_cores())
        except OSError as error:  # from the cache: what a file's own error says is among the failures
            raise DatasetError(
                f"decoded images cannot be kept on disk: {getattr(error, 'reason', None) or error.strerror or error}; "
                "make room, give a folder with room as cache=, or pass cache=False"
            ) from error
        if failures and (generator.on_error == "raise" or len(failures) == len(paths)):
            refuse(paths, failures)
        if cache is not None:
            cache.freeze()
        self._cache = cache
        self._cache_numbers = np.arange(len(paths))
        if failures:
            self._leave_out(paths, failures)
        warn_of_pages(self._paged, stacklevel=7)

    def _open_files(self, *, read: bool = True) -> None:
        generator = self.image_data_generator
        size = int(np.prod(self.image_shape)) * np.dtype(self.dtype).itemsize
        if lacking := shortage(size * self.batch_size):
            raise DatasetError(
                f"target_size={self.target_size} in batches of {self.batch_size} {lacking}; give a smaller one"
            )
        self._paged: dict[str, int] = {}
        self._load = make_loader(
            self.color_mode,
            self.target_size,
            interpolation=self.interpolation,
            keep_aspect_ratio=self.keep_aspect_ratio,
            grey=generator.grey,
            crop=generator.crop,
            paged=self._paged,
        )
        self._cache, self._cache_numbers = _make_cache(generator.cache, self.samples), np.arange(self.samples)
        if not self.samples:
            where = f"the {self.subset} subset" if self.subset else "the table"
            warnings.warn(f"no image files in {where}: the iterator has no batches", stacklevel=6)
        elif read or generator.on_error == "skip":
            self.read_files()
        self._start(self.subset, self.seed)

    def _leave_out(self, paths: list[str], failures: list[tuple[int, str]]) -> None:
        self.skipped = [(paths[number], reason) for number, reason in failures]
        warnings.warn(
            f"left out {len(failures)} of {len(paths)} image files that cannot be read, such as "
            f"{paths[failures[0][0]]} ({failures[0][1]}); see the iterator's `skipped`",
            stacklevel=8,
        )
        kept = np.delete(np.arange(len(paths)), [number for number, _ in failures])
        self._cache_numbers = kept
        self._filepaths = [self._filepaths[number] for number in kept]
        self.filenames = [self.filenames[number] for number in kept]
        self.samples = self.n = len(kept)
        if isinstance(getattr(self, "classes", None), np.ndarray):
            self.classes = self.classes[kept]
        elif getattr(self, "classes", None) is not None:
            self.classes = [self.classes[number] for number in kept]
        if getattr(self, "_targets", None) is not None:
            several = isinstance(self._targets, list)
            self._targets = [target[kept] for target in self._targets] if several else self._targets[kept]
        if getattr(self, "_sample_weight", None) is not None:
            self._sample_weight = self._sample_weight[kept]

    def memory_report(self) -> dict[str, int]:
        """Returns the bytes that this iterator keeps: images in memory and on disk, and spare batches."""
        report = super().memory_report()
        if self._cache is not None:
            report |= {"images_in_memory": self._cache.memory_used, "images_on_disk": self._cache.disk_used}
        return report

    def _pixels(self, number: int) -> np.ndarray:
        if self._cache is None:
            return self._load(self._filepaths[number])
        place = int(self._cache_numbers[number])
        pixels = self._cache.get(place)
        if pixels is None:  # the file was not read at the start
            pixels = self._load(self._filepaths[number])
            self._cache.keep(place, pixels)
        return pixels

    def _with_targets(self, batch: np.ndarray, numbers: np.ndarray) -> Any:
        if self.class_mode is None:
            return batch
        if self.class_mode == "input":
            targets = batch.copy()
        elif self.class_mode in ("binary", "sparse"):
            targets = np.array([self.classes[number] for number in numbers], dtype=self.dtype)
        elif self.class_mode == "categorical":
            targets = np.zeros((len(batch), len(self.class_indices)), dtype=self.dtype)
            for place, number in enumerate(numbers):
                targets[place, self.classes[number]] = 1.0
        elif self.class_mode == "multi_output":
            targets = [output[numbers] for output in self.labels]
        else:
            targets = self.labels[numbers]
        weights = self.sample_weight
        return (batch, targets) if weights is None else (batch, targets, weights[numbers])


class DirectoryIterator(FilesIterator, KerasDirectoryIterator):
    """Batches of the images in a folder of class folders; see `ImageDataGenerator.flow_from_directory`."""

    @arguments_of(KerasDirectoryIterator.__init__)
    def __init__(self, directory: str, image_data_generator: AugmentingGenerator | None, **arguments: Any):
        super().__init__(directory, _or_plain(image_data_generator), **arguments)
        unused = unused_files(directory, self.class_indices, self.white_list_formats, arguments["follow_links"])
        if unused:
            warnings.warn(
                f"{len(unused)} files in {directory} are left out, as they lie in no class folder or do not end in "
                f"{', '.join(self.white_list_formats)}: {some_of(unused)}",
                stacklevel=5,
            )
        if not self.samples and self.subset is None:
            raise DatasetError(
                f"{directory}: no images in its class folders; give a folder with one folder for each class"
            )
        self._open_files()


class DataFrameIterator(FilesIterator, KerasDataFrameIterator):
    """Batches of the images whose paths a table's column holds; see `ImageDataGenerator.flow_from_dataframe`."""

    @arguments_of(KerasDataFrameIterator.__init__)
    def __init__(
        self,
        dataframe: pd.DataFrame,
        directory: str | None,
        image_data_generator: AugmentingGenerator | None,
        *,
        validate_filenames: bool,
        **arguments: Any,
    ):
        super().__init__(
            dataframe, directory, _or_plain(image_data_generator), validate_filenames=validate_filenames, **arguments
        )
        self._open_files(read=validate_filenames)

    def _filter_valid_filepaths(self, df: pd.DataFrame, x_col: str) -> pd.DataFrame:
        paths = [os.path.join(self.directory, name) for name in df[x_col]]
        reasons = [why_invalid(path, self.white_list_formats) for path in paths]
        invalid = [f"{path} ({reason})" for path, reason in zip(paths, reasons, strict=True) if reason]
        if invalid:
            warnings.warn(
                f"{len(invalid)} invalid image filename(s) in x_col={x_col!r} are left out: {some_of(invalid)}",
                stacklevel=7,
            )
        return df[np.array([not reason for reason in reasons], dtype=bool)]


class NumpyArrayIterator(ReproducibleIterator, KerasNumpyArrayIterator):
    """Batches of images in an array; see `ImageDataGenerator.flow`."""

    @arguments_of(KerasNumpyArrayIterator.__init__)
    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: AugmentingGenerator,
        *,
        subset: str | None,
        dtype: str | None,
        **arguments: Any,
    ):
        dtype = keras.config.floatx() if dtype is None else dtype
        images = x[0] if isinstance(x, (list, tuple)) else x
        stored = "uint8" if getattr(images, "dtype", None) == np.uint8 else dtype  # a quarter of the memory
        super().__init__(x, y, image_data_generator, subset=subset, dtype=stored, **arguments)
        self.dtype = dtype
        self.image_shape = self.x.shape[1:]
        if subset is not None and self.sample_weight is not None:
            first = len(images) - len(self.x)  # of the training images; Keras leaves the weights whole
            self.sample_weight = self.sample_weight[first:] if subset == "training" else self.sample_weight[: self.n]
        if image_data_generator.noise is not None and subset != "validation":
            _check_scale(self.x)
        self._is_grey = np.full(len(self.x), -1, dtype=np.int8)  # not known yet
        self._start(subset, self.seed)

    def _pixels(self, number: int) -> np.ndarray:
        image = self.x[number]
        if self.data_format == "channels_first":
            image = np.moveaxis(image, 0, 2)
        if image.shape[2] == 1:
            return image[..., 0]
        grey = self.image_data_generator.grey
        if image.shape[2] != 3 or grey is False:
            return image
        if self._is_grey[number] < 0:
            self._is_grey[number] = has_equal_channels(image)
        if self._is_grey[number]:
            return image[..., 0]
        return image if grey is None else image.astype(np.float32) @ _LUMA

    def _with_targets(self, batch: np.ndarray, numbers: np.ndarray) -> Any:
        inputs = [batch, *(other[numbers] for other in self.x_misc)] if self.x_misc else batch
        if self.y is None:
            return inputs
        if self.sample_weight is None:
            return inputs, self.y[numbers]
        return inputs, self.y[numbers], self.sample_weight[numbers]


def _make_cache(setting: bool | int | str | Path, count: int) -> ImageCache | None:
    if setting is False:
        return None
    if isinstance(setting, int):
        return ImageCache(count, memory_bytes=CACHE_BYTES if setting is True else setting)
    Path(setting).mkdir(parents=True, exist_ok=True)
    return ImageCache(count, memory_bytes=0, folder=setting)


def _check_scale(images: np.ndarray) -> None:
    if not images.size:
        return
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 255 or 0 < high <= 1:
        raise NoiseError(
            f"images with values in {low:g}..{high:g}; noise works on 0..255, so give such images and rescale=1/255"
        )


def _or_plain(generator: AugmentingGenerator | None) -> AugmentingGenerator | _PlainSettings:
    if generator is not None and not hasattr(generator, "transform_ranges"):
        raise TypeError(f"image_data_generator is {generator!r}; give an ImageDataGenerator of braintumor_tf")
    return _PlainSettings() if generator is None else generator
