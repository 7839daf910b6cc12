"""Image files as Keras's `load_img` reads them; all files of an iterator are read once, at the start."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from keras.utils import load_img
from PIL import Image, ImageOps

from braintumor_tf.augment.keras_compat import PIL_INTERPOLATION_METHODS
from braintumor_tf.augment.noise.base import has_equal_channels
from braintumor_tf.datasets.reading import IMAGE_SUFFIXES, crop_picture
from braintumor_tf.errors import DatasetError
from braintumor_tf.progress import progress_bar

Loader = Callable[[str], np.ndarray]
_LISTED = 20


def make_loader(
    color_mode: str,
    target_size: tuple[int, int],
    *,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
    grey: bool | None = None,
    crop: str | None = None,
) -> Loader:
    """Returns a function that reads one file to the pixels that Keras's `load_img` would give.

    Args:
        color_mode: ``rgb``, ``rgba`` or ``grayscale``.
        target_size: (height, width).
        interpolation: a name that `load_img` knows.
        keep_aspect_ratio: crop to the target's aspect ratio first, as `load_img` does.
        grey: True reads luma whatever the colour mode (but ``rgba``, whose alpha is kept); None stores an RGB picture
            whose three channels are equal as one; False keeps the three.
        crop: what a picture is cut down to before it is resized, as for `braintumor_tf.datasets.read_image`.

    Returns:
        path -> uint8 (height, width) for a grey picture, else (height, width, channels). Grey files of more than 8
        bits, which Keras hands on unscaled in the colour mode ``grayscale``, come as float32.

    Raises:
        ValueError: no such interpolation.
    """
    method = interpolation.lower()
    if crop is not None and method not in PIL_INTERPOLATION_METHODS:
        raise ValueError(f"interpolation={interpolation!r}; give one of {', '.join(PIL_INTERPOLATION_METHODS)}")
    as_luma = grey is True and color_mode == "rgb"
    mode = "grayscale" if as_luma else color_mode

    def load(path: str) -> np.ndarray:
        if crop is None:
            image = load_img(path, mode, target_size, interpolation, keep_aspect_ratio)
        else:
            fit = ImageOps.fit if keep_aspect_ratio else Image.Image.resize
            image = fit(crop_picture(load_img(path, mode), crop), target_size[::-1], PIL_INTERPOLATION_METHODS[method])
        if as_luma and image.mode != "L":
            image = image.convert("L")
        pixels = np.asarray(image)
        if pixels.dtype != np.uint8:
            pixels = pixels.astype(np.float32)
        if mode == "rgb" and grey is None and has_equal_channels(pixels):
            return pixels[..., 0].copy()
        return pixels

    return load


def read_all(
    paths: Sequence[str], load: Loader, *, keep: Callable[[int, np.ndarray], None] | None, threads: int
) -> list[tuple[int, str]]:
    """Reads every file once, in parallel, behind a progress bar.

    Args:
        paths: the files.
        load: reads one.
        keep: called with a file's number and pixels, from several threads; None to only check.
        threads: how many files are read at once.

    Returns:
        The numbers of the files that cannot be read, in order, each with the reason.
    """

    def read(number: int) -> str | None:
        try:
            pixels = load(paths[number])
        except Exception as error:  # Pillow's decoders raise what they like
            return " ".join(str(error).split()) or type(error).__name__
        if keep is not None:
            keep(number, pixels)
        return None

    # Pillow warns of oddities in files that it can read. Filters are no thread's own, so this one spans all threads.
    with ThreadPoolExecutor(threads) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            reasons = list(progress_bar(pool.map(read, range(len(paths))), "Reading images", total=len(paths)))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # Ctrl-C or a full disk: leave the rest unread
            raise
    return [(number, reason) for number, reason in enumerate(reasons) if reason is not None]


def refuse(paths: Sequence[str], failures: list[tuple[int, str]]) -> None:
    """Raises the error that lists unreadable files.

    Raises:
        DatasetError: always.
    """
    listed = "; ".join(f"{paths[number]} ({reason})" for number, reason in failures[:_LISTED])
    more = f"; and {len(failures) - _LISTED} more" if len(failures) > _LISTED else ""
    raise DatasetError(
        f"{len(failures)} of {len(paths)} image files cannot be read: {listed}{more}. "
        "Remove or replace them, or pass on_error='skip' to leave them out"
    )


def why_invalid(path: str, endings: tuple[str, ...]) -> str:
    """Returns why Keras's iterators pass over a path, "" where they do not."""
    if not Path(path).is_file():
        return "no such file"
    return "" if path.lower().endswith(endings) else f"Keras reads {', '.join(endings)}"


def unused_files(
    directory: str, classes: Collection[str], endings: tuple[str, ...], follow_links: bool = False
) -> list[str]:
    """Returns the files that Keras's iterator over a folder passes over: in class folders, and pictures beside them.

    Hidden files are not among them.
    """
    beside = [path for path in sorted(Path(directory).iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES]
    unused = [str(path) for path in beside if path.is_file()]
    for label in classes:
        for folder, _, names in os.walk(os.path.join(directory, label), followlinks=follow_links):
            visible = [name for name in sorted(names) if not name.startswith(".")]
            unused += [os.path.join(folder, name) for name in visible if not name.lower().endswith(endings)]
    return unused


def some_of(names: Sequence[str], most: int = 5) -> str:
    """Returns the first names as text, with the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
