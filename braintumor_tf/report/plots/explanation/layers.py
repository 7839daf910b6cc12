"""Figures of what is inside a network: filters, activations of a few layers, attention heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from braintumor_tf.errors import ExplanationError
from braintumor_tf.report.plots.explanation.overlays import overlay, tile
from braintumor_tf.report.plots.style import MUTED, message_figure, new_figure, set_heading, shorten, themed
from braintumor_tf.types import Predictor

if TYPE_CHECKING:
    import keras

TILE = 150
"""Side of an image in pixels."""

_CELL = 1.05  # inches


@themed
def layer_filters(
    model: keras.Model | Predictor, layer: str | None = None, *, count: int = 64, title: str | None = None
) -> Figure:
    """The kernels of a convolution, by default of the first.

    Kernels of three channels are drawn in colour, each from its lowest weight (black) to its highest; others are
    averaged over their channels and drawn from blue (negative) over white (0) to red, all on one scale.

    Args:
        model: a network.
        layer: the name of a convolution; None for the first.
        count: how many filters at most, the first ones.
        title: the figure's title; None for the layer's name and shape.

    Raises:
        ExplanationError: there is no such convolution; the text lists those that there are.

    Example:
        >>> from braintumor_tf.models import build
        >>> figure = layer_filters(build("CNN", image_size=32))
    """
    kernels, name = _kernels(model, layer)
    rows, columns, channels, filters = kernels.shape
    shown = min(filters, count)
    across = min(8, shown)
    down = -(-shown // across)
    figure, axes = new_figure(0.62 * across + 0.9, 0.62 * down + 0.85, down, across)
    limit = float(np.abs(kernels).max()) or 1.0
    picture = None
    for place, chart in enumerate(axes.ravel()):
        _empty(chart)
        if place >= shown:
            chart.set_axis_off()
            continue
        kernel = kernels[..., place]
        if channels == 3:
            spread = float(np.ptp(kernel)) or 1.0
            chart.imshow((kernel - kernel.min()) / spread, interpolation="nearest")
        else:
            picture = chart.imshow(
                kernel.mean(axis=-1), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest"
            )
    if picture is not None:
        bar = figure.colorbar(picture, ax=axes, shrink=0.8, aspect=22, ticks=[-limit, 0, limit], format="%.2g")
        bar.outline.set_visible(False)
    of = "" if shown == filters else f", {shown} of {filters}"
    heading = title if title is not None else f"{name}: {rows}×{columns} filters{of}"
    set_heading(figure, heading)
    return figure


@themed
def activation_maps(
    activations: Mapping[str, np.ndarray],
    images: Sequence[Any] = (),
    names: Sequence[str] = (),
    *,
    channels: int = 6,
    title: str = "What layers make of an image",
) -> Figure:
    """A row for each layer and image: the image, then the channels that differ most, dark where they are lowest.

    The same channels are shown for every image, each channel on one scale over the images, so that rows of one layer
    can be compared; channels cannot be compared with each other.

    Args:
        activations: as `layer_activations` returns them, shape ``(images, rows, columns, channels)`` a layer; layers
            without rows and columns are left out.
        images: the images, paths or pixels from 0 to 255; empty to leave them out.
        names: what each image is called; empty for no names.
        channels: channels of each layer.
        title: the figure's title.

    Raises:
        ExplanationError: there are not as many images or names as activations.

    Example:
        >>> figure = activation_maps({"first": np.zeros((1, 8, 8, 6))}, [np.zeros((16, 16), np.uint8)])
    """
    layers = {name: np.asarray(found, np.float32) for name, found in activations.items() if np.ndim(found) == 4}
    if not layers:
        return message_figure("no layer has rows and columns", title)
    count = len(next(iter(layers.values())))
    for given, what in ((images, "images"), (names, "names")):
        if len(given) not in (0, count):
            raise ExplanationError(f"{len(given)} {what} for the activations of {count} images; give one for each")
    first = int(len(images) > 0)
    rows = len(layers) * count
    figure, axes = new_figure(_CELL * (channels + first) + 0.5, (_CELL + 0.12) * rows + 0.9, rows, channels + first)
    pictures = [tile(image, TILE) for image in images]
    for line, (layer, found) in enumerate(layers.items()):
        chosen = _most_varied(found, channels)
        for place in range(count):
            charts = axes[line * count + place]
            if first:
                _draw_image(charts[0], pictures[place])
            charts[0].set_ylabel(shorten(names[place], 14) if len(names) else "", fontsize=9)
            _draw_channels(charts[first:], found, place, chosen)
        shape = "×".join(map(str, found.shape[1:]))
        _set_wide_title(axes[line * count, 0], f"{layer} ({shape})")
    set_heading(figure, title)
    return figure


@themed
def attention_heads(
    image: Any,
    attention: np.ndarray,
    *,
    blocks: Sequence[int] | None = None,
    heads: int = 6,
    title: str = "What the class token attends to",
) -> Figure:
    """A row for each block of a vision transformer, a column for each head, over the image.

    Each head is scaled from its own weakest patch to its strongest.

    Args:
        image: a path, or pixels from 0 to 255.
        attention: of this image, shape ``(blocks, heads, rows, columns)``, as `attention_maps` returns it.
        blocks: which blocks, counted from 1; None for up to four from the first to the last.
        heads: how many heads at most, the first ones.
        title: the figure's title.

    Raises:
        ExplanationError: the attention has another shape, or a block is not there.

    Example:
        >>> figure = attention_heads(np.zeros((16, 16), np.uint8), np.random.default_rng(0).random((12, 3, 4, 4)))
    """
    attention = np.asarray(attention)
    if attention.ndim != 4:
        raise ExplanationError(f"attention has shape {attention.shape}; give that of one image, with four axes")
    depth = len(attention)
    if blocks is None:
        blocks = sorted({round(block) for block in np.linspace(1, depth, min(4, depth))})
    strange = [block for block in blocks if not 1 <= block <= depth]
    if strange or not len(blocks):
        raise ExplanationError(f"there is no block {strange[0] if strange else ''}; choose from 1 to {depth}")
    heads = min(heads, attention.shape[1])
    figure, axes = new_figure(1.15 * (heads + 1) + 0.5, 1.2 * len(blocks) + 0.75, len(blocks), heads + 1)
    pixels = tile(image, TILE, square=False)
    for row, (line, block) in enumerate(zip(axes, blocks, strict=True)):
        _draw_image(line[0], pixels)
        line[0].set_ylabel(f"block {block}", fontsize=9.5)
        for head, chart in enumerate(line[1:]):
            _draw_image(chart, None if pixels is None else _attended(pixels, attention[block - 1, head]))
            if row == 0:
                chart.set_title(f"head {head + 1}", fontsize=9.5, fontweight="normal", loc="center", pad=4)
    set_heading(figure, title)
    return figure


def _attended(pixels: np.ndarray, patches: np.ndarray) -> np.ndarray:
    scaled = (patches - patches.min()) / (float(np.ptp(patches)) or 1.0)
    size = (pixels.shape[1], pixels.shape[0])
    return overlay(pixels, np.asarray(Image.fromarray(scaled.astype(np.float32)).resize(size)))


def _kernels(model: keras.Model | Predictor, layer: str | None) -> tuple[np.ndarray, str]:
    found = {one.name: one for one in getattr(model, "layers", ()) if type(one).__name__ == "Conv2D"}
    if not found or (layer is not None and layer not in found):
        name = getattr(model, "name", type(model).__name__)
        raise ExplanationError(f"{name} has no convolution {layer or ''}; valid are {', '.join(found) or 'none'}")
    chosen = found[layer] if layer is not None else next(iter(found.values()))
    return np.asarray(chosen.get_weights()[0], np.float32), chosen.name


def _most_varied(found: np.ndarray, count: int) -> list[int]:
    """Returns the channels whose activations vary most over places and images, the most varied first."""
    spread = found.reshape(-1, found.shape[-1]).std(axis=0)
    return np.argsort(-spread, kind="stable")[:count].tolist()


def _draw_channels(charts: Sequence[Axes], found: np.ndarray, place: int, chosen: Sequence[int]) -> None:
    for chart, channel in zip(charts, [*chosen, *[None] * (len(charts) - len(chosen))], strict=True):
        _empty(chart)
        if channel is None:
            chart.set_axis_off()
            continue
        values = found[..., channel]
        low, high = float(values.min()), float(values.max())
        chart.imshow(values[place], cmap="viridis", vmin=low, vmax=high if high > low else low + 1, aspect="auto")
        chart.set_box_aspect(1)
        chart.set_xlabel(f"{channel}", fontsize=8, color=MUTED, labelpad=2)


def _set_wide_title(chart: Axes, text: str) -> None:
    """Writes a title that may run over the next columns without widening its own."""
    chart.set_title(" ", fontsize=9.5, pad=4)
    chart.text(0, 1.05, text, transform=chart.transAxes, fontsize=9.5).set_in_layout(False)


def _draw_image(chart: Axes, pixels: np.ndarray | None) -> None:
    _empty(chart)
    chart.imshow(np.full((TILE, TILE, 3), 235, np.uint8) if pixels is None else pixels)


def _empty(chart: Axes) -> None:
    chart.set(xticks=[], yticks=[])
    chart.grid(visible=False)
    for spine in chart.spines.values():
        spine.set_visible(False)
