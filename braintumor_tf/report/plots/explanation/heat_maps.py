"""Figures of explanations: images with their heat maps, and right predictions beside wrong ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from braintumor_tf.errors import ExplanationError
from braintumor_tf.report.plots.explanation.overlays import colour_bar, heat_tile, overlay, tile
from braintumor_tf.report.plots.style import INK, WARNING, message_figure, new_figure, set_heading, shorten, themed
from braintumor_tf.report.wording.numbers import number

TILE = 210
"""Side of an image of a grid in pixels."""

LARGE = 480
"""Longer side of a single image in pixels."""

PAGE = 12
"""Images on a page."""


@themed
def explained_images(
    images: Sequence[Any],
    maps: Sequence[np.ndarray],
    *,
    predicted: Sequence[str] | None = None,
    probability: Sequence[float] | None = None,
    true: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    title: str = "Where it looks",
    columns: int | None = None,
) -> Figure:
    """Images beside themselves with their heat map, one or many; an error is marked in red.

    Args:
        images: paths or pixels from 0 to 255, shape ``(height, width)`` or ``(height, width, 1 | 3)`` each, of any
            sizes; or one array of them.
        maps: a map for each, ``(height, width)`` from 0 to 1, as `braintumor_tf.explanation` returns them.
        predicted: predicted class of each image, or None.
        probability: its probability from 0 to 1, or None.
        true: true class of each image, or None where it is not known.
        titles: a line above each image, or None.
        title: the figure's title; what a map means depends on the method, so name it.
        columns: images in a row; None for two, or one for a single image.

    Returns:
        A figure; for more images than fit a page see `explanation_pages`.

    Raises:
        ExplanationError: there are not as many of the one as of the other, or a map has another shape than its image.

    Example:
        >>> figure = explained_images([np.zeros((8, 8), np.uint8)], [np.ones((8, 8))], title="Grad-CAM")
    """
    count = _same_length(images, maps, predicted, probability, true, titles)
    if not count:
        return message_figure("no images", title)
    captions = [_caption(place, predicted, probability, true, titles) for place in range(count)]
    columns = columns or min(2, count)
    if count == 1:
        return _single(images[0], maps[0], *captions[0], title)
    rows = -(-count // columns)
    figure, axes = new_figure(2.75 * columns + 0.7, 1.5 * rows + 0.5, rows, columns)
    for chart, *drawn in zip(axes.ravel(), images, maps, captions, strict=False):
        _draw_pair(chart, *drawn)
    for chart in axes.ravel()[count:]:
        chart.set_axis_off()
    colour_bar(axes)
    set_heading(figure, title)
    return figure


def explanation_pages(
    images: Sequence[Any],
    maps: Sequence[np.ndarray],
    *,
    per_page: int = PAGE,
    title: str = "Where it looks",
    **columns: Any,
) -> Iterator[Figure]:
    """Draws many images page by page, each when it is asked for, so that memory does not grow.

    Args:
        images: as in `explained_images`.
        maps: as in `explained_images`.
        per_page: images on a page.
        title: of each page; its number is added.
        **columns: further arguments of `explained_images`, each cut into pages if it is one for each image.

    Example:
        >>> images, maps = np.zeros((5, 8, 8), np.uint8), np.ones((5, 8, 8))
        >>> len(list(explanation_pages(images, maps, per_page=2)))
        3
    """
    starts = range(0, len(images), per_page)
    for page, start in enumerate(starts, start=1):
        part = slice(start, start + per_page)
        cut = {
            name: value[part] if np.ndim(value) or isinstance(value, list) else value for name, value in columns.items()
        }
        numbered = f"{title} ({page} of {len(starts)})" if len(starts) > 1 else title
        yield explained_images(images[part], maps[part], title=numbered, **cut)


@themed
def right_and_wrong_maps(rows: pd.DataFrame, maps: Sequence[np.ndarray], *, title: str = "Right and wrong") -> Figure:
    """Right predictions on the left, wrong ones on the right, each with its probability, true class and heat map.

    Args:
        rows: predictions with `confidence` and `correct`, as `right_and_wrong_rows` chooses them.
        maps: a map for each row, in order.
        title: the figure's title.
    """
    if not _same_length(rows, maps):
        return message_figure("nothing has been predicted", title)
    correct = rows["correct"].to_numpy(dtype=bool)
    sides = [np.flatnonzero(correct), np.flatnonzero(~correct)]
    lines = max(len(side) for side in sides)
    figure, axes = new_figure(6.3, 1.5 * lines + 0.8, lines, 2)
    words = {
        "predicted": list(rows["predicted"]),
        "probability": list(rows["confidence"]),
        "true": list(rows["label"]),
    }
    for column, (side, heading) in enumerate(zip(sides, ("Right", "Wrong"), strict=True)):
        for line in range(lines):
            chart = axes[line, column]
            if line >= len(side):
                chart.set_axis_off()
                continue
            place = int(side[line])
            _draw_pair(chart, rows["path"].iloc[place], maps[place], _caption(place, **words))
        words_above = heading if len(side) else f"{heading}: none"
        axes[0, column].text(
            0, 1.2, words_above, transform=axes[0, column].transAxes, color=INK, fontweight="bold", fontsize=10.5
        )
    colour_bar(axes)
    set_heading(figure, title)
    return figure


def _single(image: Any, heat: np.ndarray, caption: str, wrong: bool, title: str) -> Figure:
    """One image large: alone, with its map, and the colour bar."""
    pixels, over = _overlaid(image, heat, LARGE, square=False)
    height = 2.75 * pixels.shape[0] / pixels.shape[1]
    figure, axes = new_figure(6.6, min(max(height, 1.2), 5.5) + 0.75, 1, 2)
    for chart, shown in zip(axes[0], (pixels, over), strict=True):
        _show(chart, shown, wrong)
    _set_caption(axes[0, 0], caption, wrong)
    colour_bar(axes)
    set_heading(figure, title)
    return figure


def _draw_pair(chart: Axes, image: Any, heat: np.ndarray, caption: tuple[str, bool]) -> None:
    pixels, over = _overlaid(image, heat, TILE, square=True)
    gap = np.full((TILE, 6, 3), 255, np.uint8)
    _show(chart, np.hstack([pixels, gap, over]), caption[1])
    _set_caption(chart, *caption)


def _overlaid(image: Any, heat: np.ndarray, side: int, square: bool) -> tuple[np.ndarray, np.ndarray]:
    """Returns the image and the image with its map, grey where the file cannot be read."""
    pixels = tile(image, side, square)
    if pixels is None:
        blank = np.full((side, side, 3), 235, np.uint8)
        return blank, blank
    warm = heat_tile(heat, side, square)
    if warm.shape != pixels.shape[:2]:
        raise ExplanationError(
            f"a map of shape {heat.shape} does not belong to an image of {pixels.shape[:2]} (scaled)"
        )
    return pixels, overlay(pixels, warm)


def _show(chart: Axes, pixels: np.ndarray, wrong: bool) -> None:
    chart.imshow(pixels)
    chart.set(xticks=[], yticks=[])
    chart.grid(visible=False)
    for spine in chart.spines.values():
        spine.set(visible=wrong, color=WARNING, linewidth=2.5)


def _set_caption(chart: Axes, caption: str, wrong: bool) -> None:
    colour = WARNING if wrong else INK
    chart.set_title(caption, fontsize=9, fontweight="normal", color=colour, loc="left", pad=4)


def _caption(
    place: int,
    predicted: Sequence[str] | None = None,
    probability: Sequence[float] | None = None,
    true: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
) -> tuple[str, bool]:
    """Returns the text above an image, and whether it tells of an error."""
    lines = [] if titles is None else [shorten(titles[place], 40)]
    words = "" if predicted is None else shorten(predicted[place], 16)
    if probability is not None and not pd.isna(probability[place]):
        words = f"{words} {number(probability[place], 2)}".strip()
    wrong = bool(true is not None and predicted is not None and true[place] != predicted[place])
    if true is not None and (wrong or predicted is None):
        words = f"{words}, truly {shorten(true[place], 16)}".removeprefix(", ")
    return "\n".join([*lines, *([words] if words else [])]), wrong


def _same_length(images: Any, *others: Any) -> int:
    lengths = [len(images), *(len(other) for other in others if other is not None)]
    if len(set(lengths)) > 1:
        raise ExplanationError(
            f"images, maps and what is said of them differ in number: {lengths}; give one for each image"
        )
    return lengths[0]
