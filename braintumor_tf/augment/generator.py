"""`ImageDataGenerator`: Keras's class with noise, reproducible and at the speed of the hardware."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from braintumor_tf.augment.keras_compat import KerasImageDataGenerator, arguments_of
from braintumor_tf.augment.keras_iterators import DataFrameIterator, DirectoryIterator, NumpyArrayIterator
from braintumor_tf.augment.noise import Noise
from braintumor_tf.augment.noise.base import has_equal_channels
from braintumor_tf.augment.random_streams import quick_stream
from braintumor_tf.augment.render import Scaling, add_noise, transform
from braintumor_tf.augment.transform_draws import Shift, TransformRanges, block_of_one, draw_as_keras
from braintumor_tf.augment.warps import FILL_MODES
from braintumor_tf.datasets.reading import check_crop
from braintumor_tf.errors import CropError, NoiseError

ON_ERROR = ("raise", "skip")
_REPLACEABLE = ("get_random_transform", "apply_transform", "standardize")
_DEPRECATED = ("has_ext", "sort", "drop_duplicates")


class ImageDataGenerator(KerasImageDataGenerator):
    """Batches of images with random transforms and noise, in place of ``keras…ImageDataGenerator``.

    All arguments of Keras's class keep their place and meaning, and for the same transform parameters the image is the
    same within interpolation tolerance. What is added is behind the star.

    Each image's transform and noise depend on the seed, the epoch and the image's number alone. So neither the number
    of workers nor the order in which batches are asked for changes a batch. An epoch ends with `on_epoch_end`, which
    Keras's `fit` calls, or after the last batch of a loop over the iterator.
    (Where ``steps_per_epoch`` is not a whole pass, the first batches after an epoch may belong to either, as in Keras.)

    Order for each image: read and resize, warp and flip, channel shift, brightness, noise (on 0..255),
    ``preprocessing_function`` (one float32 image in 0..255, whose shape it keeps), ``rescale``, samplewise and
    featurewise standardisation, ZCA whitening.

    Where Keras's class has a fault:

    - ``width_shift_range`` moves rows and ``height_shift_range`` columns, and images that are not square turn about a
      point beside their centre. Both are kept, so that results stay comparable.
    - ``brightness_range`` turns images on 0..1 to zeros and ones there, and fails with channels first. Both work here.
    - The subset ``"validation"`` is augmented there. Here it is clean: no transforms, no noise.
    - A file that cannot be read stops an epoch in its middle there. Here it is refused when the iterator is made; only
      with ``validate_filenames=False`` files are read when batches need them, as there.
    - Files are read as by `braintumor_tf.datasets.read_image`: deep pictures (clipped or unscaled there) are scaled to
      0..255, the EXIF orientation (ignored there) is applied, transparent pixels (shown there) are laid over black but
      for ``color_mode="rgba"``. Other pictures have Keras's pixels; a coloured palette made grey may differ by 1.
    - Files that both leave out (WebP, GIF, text; rows without a file) are named here. A folder without pictures is
      refused here, as a wrong path; a table or subset without any gives no batches, as there, and a warning.
    - `flow` with a subset gives an image another's ``sample_weight`` there, and its own here.
    - `flow_from_dataframe` ignores unknown arguments there. Here they are a `TypeError`.
    - Random numbers come from NumPy's global generator there. Here they do not; only if no seed is given at all, an
      iterator takes its seed from there once, so `keras.utils.set_random_seed` still makes a notebook repeatable.

    Args:
        featurewise_center: as in Keras, like all that follow up to `dtype`.
        noise: a noise model, such as ``GaussianNoise()`` or a `RandomNoise` of several; images must then lie in 0..255.
        seed: for all iterators that are not given their own.
        grey: None handles a picture whose three channels are equal as grey: it is stored and warped once and its
            channels get the same noise; the batch still has the channels that ``color_mode`` says. True turns every
            picture to luma first (ITU-R 601, the values that ``color_mode="grayscale"`` gives, in three equal channels
            for ``"rgb"``). False handles every picture as colour, with its own noise in each channel. For one channel
            use ``color_mode="grayscale"``.
        crop: ``"head"`` cuts pictures that are read from files down to the head before they are resized
            (`braintumor_tf.datasets.head_box`); None does not. Arrays that `flow` is given are not cut, so it refuses.
        cache: True keeps the decoded and resized images in memory up to 1 GiB and the rest in a memory-mapped temporary
            file, so that no file is decoded twice; a number is the memory in bytes; a path is a folder for the file,
            with nothing in memory; False decodes again in each epoch.
        on_error: ``"raise"`` refuses unreadable files when the iterator is made, with the list of them; ``"skip"``
            leaves them out with a warning that counts them, and lists them in the iterator's `skipped`.

    Raises:
        ValueError: no such fill mode, cache or `on_error`, or a range that Keras refuses.
        NoiseError: `noise` is not a noise model.
        CropError: no such crop.

    Example:
        >>> import numpy as np
        >>> from braintumor_tf.augment import GaussianNoise, ImageDataGenerator
        >>> images = np.zeros((8, 32, 32, 3), np.uint8)
        >>> generator = ImageDataGenerator(rotation_range=20, rescale=1 / 255, noise=GaussianNoise(), seed=0)
        >>> batches = generator.flow(images, np.arange(8), batch_size=4)
        >>> x, y = batches[0]
        >>> x.shape, str(x.dtype), bool(x.max() > 0)
        ((4, 32, 32, 3), 'float32', True)
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Shift = 0.0,
        height_shift_range: Shift = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: str | None = None,
        *,
        noise: Noise | None = None,
        seed: int | None = None,
        grey: bool | None = None,
        crop: str | None = None,
        cache: bool | int | str | Path = True,
        on_error: str = "raise",
    ):
        super().__init__(
            featurewise_center=featurewise_center,
            samplewise_center=samplewise_center,
            featurewise_std_normalization=featurewise_std_normalization,
            samplewise_std_normalization=samplewise_std_normalization,
            zca_whitening=zca_whitening,
            zca_epsilon=zca_epsilon,
            rotation_range=rotation_range,
            width_shift_range=width_shift_range,
            height_shift_range=height_shift_range,
            brightness_range=brightness_range,
            shear_range=shear_range,
            zoom_range=zoom_range,
            channel_shift_range=channel_shift_range,
            fill_mode=fill_mode,
            cval=cval,
            horizontal_flip=horizontal_flip,
            vertical_flip=vertical_flip,
            rescale=rescale,
            preprocessing_function=preprocessing_function,
            data_format=data_format,
            validation_split=validation_split,
            interpolation_order=interpolation_order,
            dtype=dtype,
        )
        if fill_mode not in FILL_MODES:
            raise ValueError(f"fill_mode={fill_mode!r}; give one of {', '.join(FILL_MODES)}")
        if on_error not in ON_ERROR:
            raise ValueError(f"on_error={on_error!r}; give one of {', '.join(ON_ERROR)}")
        if noise is not None and not isinstance(noise, Noise):
            raise NoiseError(f"noise={noise!r}; give a noise model, or RandomNoise([...]) for one of several")
        if not isinstance(cache, (bool, int, str, os.PathLike)) or (isinstance(cache, int) and cache < 0):
            raise ValueError(f"cache={cache!r}; give True, False, a number of bytes, or a folder")
        self.noise = noise
        self.seed = seed
        self.grey = grey
        self.crop = check_crop(crop)
        self.cache = cache
        self.on_error = on_error
        self._random = np.random.RandomState(seed)

    @property
    def transform_ranges(self) -> TransformRanges:
        """What the transforms are drawn from, as it stands now."""
        return TransformRanges(**{field.name: getattr(self, field.name) for field in fields(TransformRanges)})

    @property
    def scaling(self) -> Scaling | None:
        """How values are standardised; None where only `standardize` can do it, on an image with all its channels."""
        if (
            self.preprocessing_function
            or self.featurewise_center
            or self.featurewise_std_normalization
            or self.zca_whitening
            or "standardize" in self.replaced_methods
        ):
            return None
        return Scaling(**{field.name: getattr(self, field.name) for field in fields(Scaling)})

    @property
    def replaced_methods(self) -> frozenset[str]:
        """The names of the methods that a subclass has replaced; iterators then call them for each image."""
        return frozenset(
            name for name in _REPLACEABLE if getattr(type(self), name) is not getattr(ImageDataGenerator, name)
        )

    @arguments_of(KerasImageDataGenerator.flow)
    def flow(self, x: Any, y: Any, **arguments: Any) -> NumpyArrayIterator:
        """Returns batches of images in an array; arguments as in Keras. Arrays of uint8 are kept as they are.

        Raises:
            CropError: the generator crops, which it does to files only.
        """
        if self.crop is not None:
            raise CropError(f"crop={self.crop!r} is for files; flow from a folder or a table, or leave crop out")
        return NumpyArrayIterator(x, y, self, data_format=self.data_format, dtype=self.dtype, **arguments)

    @arguments_of(KerasImageDataGenerator.flow_from_directory)
    def flow_from_directory(self, directory: str | Path, **arguments: Any) -> DirectoryIterator:
        """Returns batches of the images in a folder with one folder for each class; arguments as in Keras.

        All files are read once, in parallel, before this returns.

        Raises:
            DatasetError: files cannot be read and `on_error` is ``"raise"``, or none can.
        """
        return DirectoryIterator(
            os.fspath(directory), self, data_format=self.data_format, dtype=self.dtype, **arguments
        )

    @arguments_of(KerasImageDataGenerator.flow_from_dataframe)
    def flow_from_dataframe(
        self,
        dataframe: pd.DataFrame,
        directory: str | Path | None,
        *,
        class_mode: str | None,
        keep_aspect_ratio: bool = False,
        **arguments: Any,
    ) -> DataFrameIterator:
        """Returns batches of the images whose paths a table's column holds; arguments as in Keras.

        All files are read once, in parallel, before this returns. With ``validate_filenames=False`` each is read when a
        batch first needs it, and kept while there is room in memory; the iterator's `read_files` reads all at once.
        `keep_aspect_ratio` is passed on here (Keras ignores it).

        Raises:
            DatasetError: files cannot be read and `on_error` is ``"raise"``, or none can.
        """
        for name in _DEPRECATED:
            if name in arguments:
                del arguments[name]
                warnings.warn(f"{name} is deprecated and has no effect", DeprecationWarning, stacklevel=3)
        if class_mode == "other":
            warnings.warn('class_mode="other" is deprecated, use "raw"', DeprecationWarning, stacklevel=3)
            class_mode = "raw"
        return DataFrameIterator(
            dataframe,
            None if directory is None else os.fspath(directory),
            self,
            class_mode=class_mode,
            keep_aspect_ratio=keep_aspect_ratio,
            data_format=self.data_format,
            dtype=self.dtype,
            **arguments,
        )

    def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]:
        """Draws transform parameters, and under the key ``noise`` a record of noise (None without).

        With a seed the parameters are those that Keras's class draws for that seed. Without, they come from the
        generator's own stream, which starts from its `seed`.
        """
        random = self._random if seed is None else np.random.RandomState(seed)
        height, width = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        parameters = draw_as_keras(self.transform_ranges, random, height, width)
        noise_seed = int(random.randint(1 << 31))
        parameters["noise"] = None if self.noise is None else self.noise.sample(quick_stream(noise_seed, "noise"))
        return parameters

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """Applies transform parameters, and the noise recorded under the key ``noise``, if any, to one image.

        Args:
            x: shape (height, width, channels), or channels first, as the generator's data format says.
            transform_parameters: as `get_random_transform` or an iterator's `parameters` returns them.

        Returns:
            A new array of the same shape and dtype (rounded, and limited to its range, if that is of integers).
        """
        if x.ndim != 3:
            raise ValueError(f"Input arrays must be multi-channel 2D images; got shape {x.shape}")
        first = self.data_format == "channels_first"
        image = (np.moveaxis(x, 0, 2) if first else x).astype(np.float32)
        channels = image.shape[2]
        image = transform(image, self.transform_ranges, block_of_one(transform_parameters, *image.shape[:2]))
        record = transform_parameters.get("noise")
        if record is not None:
            equal = channels == 3 and self.grey is not False and has_equal_channels(image)
            image = add_noise(np.ascontiguousarray(image[..., 0]) if equal else image, record, channels)
            image = np.repeat(image[..., None], channels, axis=2) if image.ndim == 2 else image
        if np.issubdtype(x.dtype, np.integer):
            limits = np.iinfo(x.dtype)
            image = np.clip(np.rint(image), limits.min, limits.max)
        return np.array(np.moveaxis(image, 2, 0) if first else image, dtype=x.dtype, order="C")

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Computes the statistics that featurewise standardisation and whitening need; arguments as in Keras."""
        if seed is not None:
            self._random = np.random.RandomState(seed)
        super().fit(x, augment=augment, rounds=rounds)
