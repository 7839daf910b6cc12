"""Pictures of layer activations by keract: a grid of channels, or each channel's heat map over the image.

keract 4.5 is used for drawing only. It changes the arrays that it is given, divides by the range of channels without
one, and refuses some types. It skips what is not one image, cuts names at a slash and prints as it goes. So it is given
copies of arrays that it can draw, and each picture appears in the folder asked for when it is complete.
"""

from __future__ import annotations

import contextlib
import io
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from braintumor_tf.datasets.reading import read_image
from braintumor_tf.errors import ExplanationError
from braintumor_tf.files import atomic_path
from braintumor_tf.progress import progress_bar

VIEWS = ("grid", "heat_maps", "merged")
"""What `draw_activations` calls its pictures."""

COLOUR_MAP = "viridis"

GRID_INCHES = (9.0, 9.0)
"""Width and height of a grid of channels at matplotlib's resolution; keract fixes those of the other views."""


def draw_activations(
    activations: Mapping[str, np.ndarray],
    out: str | Path,
    *,
    image: np.ndarray | str | Path | None = None,
    view: str = "grid",
    channels: int = 36,
    show_progress: bool = False,
) -> list[Path]:
    """Draws layer activations of one image with keract, a PNG for each layer, named ``<number>_<layer>_<view>.png``.

    Args:
        activations: what `layer_activations` returned for one image: layers' names and arrays of shape
            ``(1, rows, columns, channels)``, ``(1, tokens, channels)`` or ``(1, units)``, of any number type. They are
            not changed.
        out: the folder that receives the pictures; it is made.
        image: the image for the views over it, ``(height, width)`` or ``(height, width, 1 | 3)``, 0 to 255, any number
            type, or a path. It is not changed. Of a model that cuts images down (`crop`), the cut one:
            ``read_image(path, crop=...)``.
        view: ``"grid"``: a tile for each channel, scaled to 0..1 by itself; ``"heat_maps"``: each channel over the
            image; ``"merged"``: the sum of all channels, each scaled to 0..1, over the image. The two over the image
            leave out layers that have no rows and columns.
        channels: at most so many channels of a layer, those whose activations vary most, in their order; keract draws
            no number beside a tile.
        show_progress: whether to show a bar.

    Returns:
        The paths of the pictures, in the order of the layers.

    Raises:
        ExplanationError: the view is unknown, an array is not of one image or not finite, or the image is missing or
            has another shape.
        ImageReadError: the image's file cannot be read.

    Example:
        >>> found = layer_activations(model, [path])  # doctest: +SKIP
        >>> draw_activations(found, "plots", image=path, view="heat_maps")[0].name  # doctest: +SKIP
        '0_block_1_convolution_1_heat_maps.png'
    """
    if view not in VIEWS:
        raise ExplanationError(f"{view!r} is no view; choose one of {', '.join(VIEWS)}")
    if channels < 1:
        raise ExplanationError(f"{channels!r} is no number of channels; give 1 or more")
    over_image = view != "grid"
    if over_image and image is None:
        raise ExplanationError(f"the view {view} lies over the image; give image=")
    drawable = {
        name: _varied(_checked(name, values), channels, drop_flat=view == "merged")
        for name, values in activations.items()
    }
    if over_image:
        drawable = {name: values for name, values in drawable.items() if values.ndim == 4}
        picture = _zero_to_one(image)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for number, (name, values) in enumerate(progress_bar(drawable.items(), "Drawing layers", show=show_progress)):
        target = out / f"{number}_{re.sub(r'[^A-Za-z0-9_.-]', '-', name)}_{view}.png"
        with tempfile.TemporaryDirectory(dir=out, prefix=".drawing_") as temporary:
            if over_image:
                _draw_over(name, values, picture.copy(), temporary, merged=view == "merged")
            else:
                _draw_grid(name, values, temporary)
            _store_small(next(Path(temporary).iterdir()), target)  # keract cuts its file's name at a slash
        written.append(target)
    return written


def _draw_grid(name: str, values: np.ndarray, directory: str) -> None:
    import keract  # imports TensorFlow

    if values.ndim > 2:  # keract scales each tile by itself, but its colour bar is that of the last one
        values = _scaled(values)
    with _quietly():
        keract.display_activations(
            {name: values}, cmap=COLOUR_MAP, save=True, directory=directory, fig_size=GRID_INCHES,
            reshape_1d_layers=True, data_format="channels_last",
        )  # fmt: skip


def _draw_over(name: str, values: np.ndarray, image: np.ndarray, directory: str, *, merged: bool) -> None:
    import keract  # imports TensorFlow

    merged = merged and bool(np.ptp(values, axis=(1, 2)).all())
    with _quietly():
        keract.display_heatmaps({name: values}, image, directory=directory, save=True, fix=False, merge_filters=merged)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Hides what keract prints, and draws with matplotlib's own settings."""
    import matplotlib

    with contextlib.redirect_stdout(io.StringIO()), matplotlib.rc_context({"savefig.dpi": 100, "figure.dpi": 100}):
        yield


def _store_small(drawn: Path, target: Path) -> None:
    """Stores a picture with 256 colours, which makes its file much smaller."""
    with atomic_path(target) as temporary, Image.open(drawn) as picture:
        picture.convert("RGB").quantize(256).save(temporary, format="PNG", optimize=True)


def _checked(name: str, values: np.ndarray) -> np.ndarray:
    """Returns a float32 copy."""
    values = np.array(values, dtype=np.float32)
    if values.ndim not in (2, 3, 4) or values.shape[0] != 1:
        raise ExplanationError(
            f"{name} has shape {values.shape}; give the activations of one image, (1, rows, columns, channels), "
            f"(1, tokens, channels) or (1, units)"
        )
    if not np.isfinite(values).all():
        raise ExplanationError(f"{name} holds NaN or infinity; check the model's weights")
    return values


def _varied(values: np.ndarray, channels: int, *, drop_flat: bool) -> np.ndarray:
    """Returns the channels that vary most, in their order; without flat ones if asked, but at least one."""
    if values.ndim == 2:
        return values
    spread = np.ptp(values.reshape(-1, values.shape[-1]), axis=0)
    chosen = np.sort(np.argsort(-spread, kind="stable")[:channels])
    if drop_flat and spread.any():  # keract divides by the spread
        chosen = chosen[spread[chosen] > 0]
    elif drop_flat:
        chosen = chosen[:1]
    return values[..., chosen]


def _scaled(values: np.ndarray) -> np.ndarray:
    axes = tuple(range(values.ndim - 1))
    lowest, spread = values.min(axis=axes), np.ptp(values, axis=axes)
    return (values - lowest) / np.where(spread > 0, spread, 1)


def _zero_to_one(image: np.ndarray | str | Path) -> np.ndarray:
    """Returns a float copy in 0..1 of three channels; keract would draw one channel in false colours."""
    if isinstance(image, (str, Path)):
        image = read_image(image, grey=False)
    pixels = np.array(image, dtype=np.float64)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[-1] != 3):
        raise ExplanationError(f"the image has shape {pixels.shape}; give (height, width) or (height, width, 1 or 3)")
    pixels = np.clip(pixels / 255.0, 0.0, 1.0)
    return np.repeat(pixels[..., None], 3, axis=-1) if pixels.ndim == 2 else pixels
