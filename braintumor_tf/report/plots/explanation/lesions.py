"""The figure of what each explanation method makes of slices whose lesion is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.checks.map_scores import area_share, energy_inside
from braintumor_tf.identity.lesions import LesionBox, read_mask
from braintumor_tf.report.plots.explanation.checks import method_name
from braintumor_tf.report.plots.explanation.overlays import colour_bar, heat_tile, overlay, tile
from braintumor_tf.report.plots.style import message_figure, new_figure, set_heading, shorten, themed

TILE = 220
"""Side of an image in pixels."""

OUTLINE = "#38e1ff"
"""Colour of the lesion's outline and the map's peak: neither grey as the slice nor warm as a map."""

PEAK_SPREAD = 0.1
"""A map's peak is marked if the pixels that share the highest value lie within this share of each side."""


@themed
def maps_and_lesions(
    images: Sequence[Any],
    masks: Sequence[Any],
    maps: Mapping[str, Sequence[np.ndarray]],
    *,
    names: Sequence[str] = (),
    title: str = "Where each method looks, and where the lesion is",
) -> Figure:
    """A row for each slice: the slice with its lesion, or its box, outlined, then the map of each method over it.

    Under each map stands the share of its energy on the lesion, and a cross marks its peak where it has one. Under the
    slice stands the lesion's share of the picture, which is what a map that is the same everywhere has.

    Args:
        images: paths or pixels from 0 to 255, shape ``(height, width)`` or ``(height, width, 1 | 3)`` each.
        masks: the mask of each image's lesion, a file or an array ``(height, width)``, or its `LesionBox`.
        maps: by the name of the method, a map from 0 to 1 for each image, ``(height, width)``.
        names: what each image is called; empty for no names.
        title: the figure's title.

    Raises:
        ExplanationError: there are not as many of the one as of the other, or a mask or a map does not fit its image.
        ImageReadError: a mask's file cannot be read.

    Example:
        >>> slice_, lesion = np.zeros((16, 16), np.uint8), np.eye(16, dtype=bool)
        >>> figure = maps_and_lesions([slice_], [lesion], {"grad_cam": [np.ones((16, 16))]})
    """
    counts = {len(images), len(masks), *(len(found) for found in maps.values()), *([len(names)] if len(names) else [])}
    if len(counts) > 1:
        raise ExplanationError(f"images, masks, maps and names differ in number: {sorted(counts)}; give one an image")
    if not len(images) or not maps:
        return message_figure("no image with a known lesion", title)
    columns = 1 + len(maps)
    figure, axes = new_figure(1.35 * columns + 0.9, 1.55 * len(images) + 0.5, len(images), columns)
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.04)
    for row, (line, image, mask) in enumerate(zip(axes, images, masks, strict=True)):
        pixels = tile(image, TILE)
        if pixels is None:
            raise ExplanationError(f"{image} cannot be read; leave it out")
        lesion = read_mask(mask, next(iter(maps.values()))[row].shape)
        boxed = isinstance(mask, LesionBox)
        whose, where = ("box", "in the box") if boxed else ("lesion", "on the lesion")
        outline = heat_tile(lesion, TILE)  # from 0 to 1: the outline is where it is 0.5
        _draw(line[0], pixels, outline, f"{whose}: {_percent(float(area_share([lesion])[0]))} of it")
        line[0].set_ylabel(shorten(names[row], 20) if len(names) else "", fontsize=9.5)
        for chart, (method, found) in zip(line[1:], maps.items(), strict=True):
            inside = float(energy_inside([found[row]], [lesion])[0])
            _draw(chart, overlay(pixels, heat_tile(found[row], TILE)), outline, f"{_percent(inside)} {where}")
            _mark_peak(chart, found[row])
            if row == 0:
                _head(chart, method_name(method))
    _head(axes[0, 0], "slice")
    colour_bar(axes)
    set_heading(figure, title)
    return figure


def _draw(chart: Axes, pixels: np.ndarray, outline: np.ndarray, below: str) -> None:
    chart.imshow(pixels)
    chart.contour(outline, levels=[0.5], colors=[OUTLINE], linewidths=1.1)
    chart.set(xticks=[], yticks=[])
    chart.grid(visible=False)
    chart.set_xlabel(below, fontsize=9, labelpad=3)
    for spine in chart.spines.values():
        spine.set_visible(False)


def _mark_peak(chart: Axes, heat: np.ndarray) -> None:
    peaks = np.argwhere(heat == heat.max())
    if not heat.max() > 0 or (np.ptp(peaks, axis=0) > PEAK_SPREAD * np.array(heat.shape)).any():
        return
    longest = max(heat.shape)
    row, column = ((peaks.mean(axis=0) + 0.5) / longest + (1 - np.array(heat.shape) / longest) / 2) * TILE - 0.5
    for colour, width in (("black", 2.6), (OUTLINE, 1.3)):
        chart.plot([column], [row], "+", color=colour, ms=9, mew=width)


def _percent(share: float) -> str:
    return f"{100 * share:.{0 if share >= 0.1 else 1}f} %"


def _head(chart: Axes, text: str) -> None:
    chart.set_title(text, fontsize=10, loc="center", pad=4)
