"""`ImageDataGenerator`: Keras's class with noise, reproducible and at the speed of the hardware."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from keras.src.legacy.preprocessing.image import ImageDataGenerator as KerasImageDataGenerator

from braintumor_tf.augment.keras_iterators import DataFrameIterator, DirectoryIterator, NumpyArrayIterator
from braintumor_tf.augment.noise import Noise, NoiseError
from braintumor_tf.augment.random_streams import quick_stream
from braintumor_tf.augment.render import add_noise, transform
from braintumor_tf.augment.transform_draws import is_set, single
from braintumor_tf.datasets.reading import check_crop
from braintumor_tf.errors import CropError

FILL_MODES = ("constant", "nearest", "reflect", "wrap")
ON_ERROR = ("raise", "skip")


class ImageDataGenerator(KerasImageDataGenerator):
    """Batches of images with random transforms and noise, in place of ``keras…ImageDataGenerator``.

    All arguments of Keras's class keep their place and meaning, and for the same transform parameters the image is the
    same within interpolation tolerance. What is added is behind the star.

    Each image's transform and noise depend on the seed, the epoch and the image's number alone, so neither the number
    of workers nor the order in which batches are asked for changes a batch. An epoch ends with `on_epoch_end`, which
    Keras's `fit` calls, or after the last batch of a loop over the iterator.

    (A `fit` whose ``steps_per_epoch`` is not a whole pass changes the epoch while batches are made ahead, so there, as
    in Keras, the first batches after the change may belong to either.)

    Order for each image: read and resize, warp and flip, channel shift, brightness, noise (on 0..255),
    ``preprocessing_function`` (one float32 image in 0..255, whose shape it keeps), ``rescale``, samplewise and
    featurewise standardisation, ZCA whitening.

    Where Keras's class has a fault:

    - ``width_shift_range`` moves rows and ``height_shift_range`` columns, and images that are not square turn about a
      point beside their centre. Both are kept, so that results stay comparable.
    - ``brightness_range`` turns images on 0..1 to zeros and ones. Here they are brightened within 0..1.
    - ``brightness_range`` with ``data_format="channels_first"`` fails there and works here.
    - The subset ``"validation"`` is augmented there. Here it is clean: no transforms, no noise.
    - A file that cannot be read stops an epoch in its middle there. Here it is refused when the iterator is made.
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
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Any = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Any = None,
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
        keras_arguments = {
            name: value for name, value in locals().items() if name not in ("self", "__class__", *_OWN_ARGUMENTS)
        }
        super().__init__(**keras_arguments)
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

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Returns batches of images in an array; arguments as in Keras. Arrays of uint8 are kept as they are.

        Raises:
            CropError: the generator crops, which it does to files only.
        """
        if self.crop is not None:
            raise CropError(f"crop={self.crop!r} is for files; flow from a folder or a table, or leave crop out")
        arguments = {name: value for name, value in locals().items() if name not in ("self", "x", "y")}
        return NumpyArrayIterator(x, y, self, data_format=self.data_format, dtype=self.dtype, **arguments)

    def flow_from_directory(
        self,
        directory: str | Path,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Returns batches of the images in a folder with one folder for each class; arguments as in Keras.

        All files are read once, in parallel, before this returns.

        Raises:
            DatasetError: files cannot be read and `on_error` is ``"raise"``, or none can.
        """
        arguments = {name: value for name, value in locals().items() if name not in ("self", "directory")}
        return DirectoryIterator(
            os.fspath(directory), self, data_format=self.data_format, dtype=self.dtype, **arguments
        )

    def flow_from_dataframe(
        self,
        dataframe: pd.DataFrame,
        directory: str | Path | None = None,
        x_col: str = "filename",
        y_col: str | list[str] = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: list[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        keep_aspect_ratio: bool = False,
        **deprecated: Any,
    ) -> DataFrameIterator:
        """Returns batches of the images whose paths a table's column holds; arguments as in Keras.

        All files are read once, in parallel, before this returns. `keep_aspect_ratio` is passed on here (Keras ignores
        it).

        Raises:
            DatasetError: files cannot be read and `on_error` is ``"raise"``, or none can.
        """
        arguments = {
            name: value
            for name, value in locals().items()
            if name not in ("self", "dataframe", "directory", "deprecated")
        }
        for name in deprecated:
            if name not in ("has_ext", "sort", "drop_duplicates"):
                raise TypeError(f"flow_from_dataframe() got an unexpected keyword argument {name!r}")
            warnings.warn(f"{name} is deprecated and has no effect", DeprecationWarning, stacklevel=2)
        if class_mode == "other":
            warnings.warn('class_mode="other" is deprecated, use "raw"', DeprecationWarning, stacklevel=2)
            arguments["class_mode"] = "raw"
        directory = None if directory is None else os.fspath(directory)
        return DataFrameIterator(
            dataframe, directory, self, data_format=self.data_format, dtype=self.dtype, **arguments
        )

    def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]:
        """Draws transform parameters, and under the key ``noise`` a record of noise (None without).

        With a seed the parameters are those that Keras's class draws for that seed. Without, they come from the
        generator's own stream, which starts from its `seed`.
        """
        random = self._random if seed is None else np.random.RandomState(seed)
        rows, columns = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        parameters = _draw_as_keras(self, random, rows, columns)
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
        image = transform(image, self, single(transform_parameters, *image.shape[:2]), 0)
        record = transform_parameters.get("noise")
        if record is not None:
            equal = channels == 3 and self.grey is not False and bool((image == image[..., :1]).all())
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


_OWN_ARGUMENTS = ("noise", "seed", "grey", "crop", "cache", "on_error")


def _draw_as_keras(
    generator: ImageDataGenerator, random: np.random.RandomState, rows: int, columns: int
) -> dict[str, Any]:
    """Draws the parameters in the order in which Keras's class draws them: equal seeds give equal parameters."""
    theta = random.uniform(-generator.rotation_range, generator.rotation_range) if generator.rotation_range else 0
    tx = _draw_shift(random, generator.height_shift_range, rows)
    ty = _draw_shift(random, generator.width_shift_range, columns)
    shear = random.uniform(-generator.shear_range, generator.shear_range) if generator.shear_range else 0
    low, high = generator.zoom_range
    zx, zy = (1, 1) if low == high == 1 else random.uniform(low, high, 2)
    flip_horizontal = (random.random_sample() < 0.5) * generator.horizontal_flip
    flip_vertical = (random.random_sample() < 0.5) * generator.vertical_flip
    shift = generator.channel_shift_range
    return {
        "theta": theta,
        "tx": tx,
        "ty": ty,
        "shear": shear,
        "zx": zx,
        "zy": zy,
        "flip_horizontal": flip_horizontal,
        "flip_vertical": flip_vertical,
        "channel_shift_intensity": random.uniform(-shift, shift) if shift != 0 else None,
        "brightness": None if generator.brightness_range is None else random.uniform(*generator.brightness_range),
    }


def _draw_shift(random: np.random.RandomState, shift_range: Any, size: int) -> float:
    if not is_set(shift_range):
        return 0
    try:  # a list of shifts, or a whole number of pixels
        shift = random.choice(shift_range)
        shift *= random.choice([-1, 1])
    except ValueError:
        shift = random.uniform(-shift_range, shift_range)
    return shift * size if np.max(shift_range) < 1 else shift
