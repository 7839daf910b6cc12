"""Image files for an iterator: decoded as everywhere in this package, resized as in Keras, all read at the start."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from braintumor_tf.augment.keras_compat import PIL_INTERPOLATION_METHODS
from braintumor_tf.augment.noise.base import has_equal_channels
from braintumor_tf.datasets.formats import IMAGE_SUFFIXES, decode
from braintumor_tf.datasets.reading import crop_picture
from braintumor_tf.errors import DatasetError, ImageReadError, ImageResourceError
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
    paged: dict[str, int] | None = None,
) -> Loader:
    """Returns a function that reads one file as `braintumor_tf.datasets.read_image` does, and resizes it as Keras does.

    Of upright, opaque pictures of 8 bits that gives the pixels of Keras's `load_img`. `ImageDataGenerator` says where
    Keras reads others differently.

    Args:
        color_mode: ``rgb``, ``rgba`` or ``grayscale``.
        target_size: (height, width).
        interpolation: a name that `load_img` knows.
        keep_aspect_ratio: crop to the target's aspect ratio first, as `load_img` does.
        grey: True reads luma whatever the colour mode (but ``rgba``, whose alpha is kept); None stores an RGB picture
            whose three channels are equal as one; False keeps the three.
        crop: what a picture is cut down to before it is resized, as for `braintumor_tf.datasets.read_image`.
        paged: takes the path and the number of pages or frames of each file that has several.

    Returns:
        path -> uint8 (height, width) for a grey picture, else (height, width, channels).

    Raises:
        ValueError: no such interpolation.
    """
    method = PIL_INTERPOLATION_METHODS.get(interpolation.lower())
    if method is None:
        raise ValueError(f"interpolation={interpolation!r}; give one of {', '.join(PIL_INTERPOLATION_METHODS)}")
    as_luma = color_mode == "grayscale" or (grey is True and color_mode == "rgb")

    def load(path: str) -> np.ndarray:
        decoded = decode(path)
        if decoded.pages > 1 and paged is not None:
            paged[path] = decoded.pages
        image = decoded.image if color_mode == "rgba" else decoded.opaque()
        image = crop_picture(image, crop)
        if as_luma or color_mode == "rgba":
            image = image.convert("L" if as_luma else "RGBA")
        elif grey is False:
            image = image.convert("RGB")
        pixels = np.asarray(_resized(image, target_size, method, keep_aspect_ratio))
        if color_mode == "rgb" and grey is None and pixels.ndim == 3 and has_equal_channels(pixels):
            return pixels[..., 0].copy()
        return pixels

    return load


def _resized(
    image: Image.Image, size: tuple[int, int], method: Image.Resampling, keep_aspect_ratio: bool
) -> Image.Image:
    """Resizes a picture to (height, width) as Keras does, which cuts it around its centre to keep its aspect ratio."""
    height, width = size
    if image.size == (width, height):
        return image
    if not keep_aspect_ratio:
        return image.resize((width, height), method)
    wide = min(image.width, (image.height * width) // height)
    high = min(image.height, (image.width * height) // width)
    left, upper = (image.width - wide) // 2, (image.height - high) // 2
    return image.resize((width, height), method, box=(left, upper, left + wide, upper + high))


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

    Raises:
        ImageResourceError: memory or open files are short: no file is left out for that.
    """

    def read(number: int) -> str | None:
        try:
            pixels = load(paths[number])
            if keep is not None:
                keep(number, pixels)
        except ImageResourceError:
            raise
        except ImageReadError as error:
            return error.reason
        except MemoryError as error:
            raise ImageResourceError(
                paths[number], "not enough memory to keep it; pass a smaller target_size"
            ) from error
        return None

    with ThreadPoolExecutor(threads) as pool:
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
