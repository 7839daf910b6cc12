"""Figures made of images: samples, predictions, errors, near-duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from braintumor_tf.datasets.reading import open_image
from braintumor_tf.errors import ImageReadError
from braintumor_tf.report.plots.selection import predicted_rows, sample_rows, worst_rows
from braintumor_tf.report.plots.style import (
    INK,
    MUTED,
    WARNING,
    class_colours,
    message_figure,
    new_figure,
    set_heading,
    shorten,
    themed,
)
from braintumor_tf.report.wording.numbers import number

TILE = 150
"""Side of a thumbnail in pixels."""

COLOURED = 4.0
"""Mean difference of the strongest and the weakest channel, of 255, from which a picture counts as one in colour."""

Tile = tuple[str, str, str]
"""Path, caption and colour of the frame."""


def thumbnail(path: str | Path, *, side: int = TILE) -> Image.Image | None:
    """Reads an image as a thumbnail on a black square of `side` pixels; None where it cannot be read.

    Small images are enlarged. Pictures in colour stay so; grey ones that are stored as RGB become grey.
    """
    try:
        image = open_image(path)
    except ImageReadError:
        return None
    image = ImageOps.contain(image, (side, side), Image.Resampling.LANCZOS)
    if image.mode == "RGB" and np.ptp(np.asarray(image, np.int16), axis=-1).mean() < COLOURED:
        image = image.convert("L")
    square = Image.new(image.mode, (side, side))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


@themed
def sample_grid(
    manifest: pd.DataFrame, *, for_each_class: int = 4, seed: int = 0, title: str = "Sample images"
) -> Figure:
    """A row of random images for each class.

    Args:
        manifest: the table of images.
        for_each_class: images in a row.
        seed: of the draw.
        title: the figure's title.
    """
    if manifest.empty:
        return message_figure("no images", title)
    colours = class_colours(sorted(manifest["label"].unique()))
    labels = list(colours)[:12]
    figure, axes = new_figure(1.33 * for_each_class + 0.2, 1.5 * len(labels) + 0.5, len(labels), for_each_class)
    rows = sample_rows(manifest, for_each_class=for_each_class, seed=seed)
    for label, line in zip(labels, axes, strict=True):
        paths = rows.loc[rows["label"] == label, "path"].tolist()
        for chart, path in zip(line, [*paths, *[None] * (for_each_class - len(paths))], strict=True):
            _draw_tile(chart, path, "", colours[label])
        line[0].set_title(shorten(label, 28), fontsize=10.5, color=INK, pad=4)
    set_heading(figure, title)
    return figure


@themed
def predicted_grid(
    predictions: pd.DataFrame, *, count: int = 12, title: str = "Predictions, drawn at random"
) -> Figure:
    """Random scored images with true label, predicted label and probability; a heavy frame marks an error.

    Args:
        predictions: the table of predictions.
        count: how many images, about the same number for each class.
        title: the figure's title.
    """
    return _grid(_tiles(predicted_rows(predictions, count=count)), title, "nothing has been predicted")


@themed
def worst_errors(
    predictions: pd.DataFrame, *, count: int = 12, title: str = "Errors with the most confidence"
) -> Figure:
    """The errors with the highest probability for the wrong class, the highest first.

    Args:
        predictions: the table of predictions.
        count: how many at most.
        title: the figure's title.
    """
    return _grid(_tiles(worst_rows(predictions, count=count)), title, f"no errors among {len(predictions):,} images")


@themed
def near_duplicate_pairs(pairs: Iterable[tuple[str, str, str]], *, title: str = "Near-duplicates") -> Figure:
    """Pairs of near-duplicates side by side, with a caption each.

    Args:
        pairs: ``(path_a, path_b, caption)``.
        title: the figure's title.
    """
    pairs = list(pairs)
    if not pairs:
        return message_figure("no near-duplicates were found", title)
    columns = 2 if len(pairs) > 1 else 1
    rows = -(-len(pairs) // columns)
    figure, axes = new_figure(2.7 * columns, 1.72 * rows + 0.45, rows, columns)
    for chart in axes.ravel()[len(pairs) :]:
        chart.set_axis_off()
    for chart, (first, second, caption) in zip(axes.ravel(), pairs, strict=False):
        halves = [thumbnail(path) for path in (first, second)]
        gap = np.full((TILE, 6, 3), 255, dtype=np.uint8)
        blank = Image.new("L", (TILE, TILE), 235)
        pixels = [np.asarray((half or blank).convert("RGB")) for half in halves]
        chart.imshow(np.hstack([pixels[0], gap, pixels[1]]))
        chart.set_axis_off()
        chart.set_title(
            "\n".join(shorten(line, 34) for line in caption.split("\n")[:2]), fontsize=9, fontweight="normal"
        )
    set_heading(figure, title)
    return figure


def _tiles(rows: pd.DataFrame) -> list[Tile]:
    tiles = []
    for row in rows.itertuples():
        named = shorten(row.predicted, 13)
        if not pd.isna(row.confidence):
            named += f" {number(row.confidence, 2)}"
        caption = named if row.correct else f"{named}\ntruly {shorten(row.label, 13)}"
        tiles.append((row.path, caption, MUTED if row.correct else WARNING))
    return tiles


def _grid(tiles: Sequence[Tile], title: str, empty: str) -> Figure:
    if not tiles:
        return message_figure(empty, title)
    columns = 4 if len(tiles) > 3 else 3
    rows = -(-len(tiles) // columns)
    figure, axes = new_figure(1.36 * columns, 1.66 * rows + 0.45, rows, columns)
    for chart in axes.ravel()[len(tiles) :]:
        chart.set_axis_off()
    for chart, (path, caption, colour) in zip(axes.ravel(), tiles, strict=False):
        _draw_tile(chart, path, caption, colour)
    set_heading(figure, title)
    return figure


def _draw_tile(chart: Axes, path: str | None, caption: str, colour: object) -> None:
    chart.set(xticks=[], yticks=[])
    chart.grid(visible=False)
    if path is None:
        chart.set_axis_off()
        return
    image = thumbnail(path)
    if image is None:
        chart.text(0.5, 0.5, "cannot\nbe read", transform=chart.transAxes, ha="center", va="center", color=MUTED)
    pixels = np.full((TILE, TILE), 235, dtype=np.uint8) if image is None else np.asarray(image)
    chart.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    for spine in chart.spines.values():
        spine.set(visible=True, color=colour, linewidth=3 if colour == WARNING else 1.4)
    chart.set_title(
        caption, fontsize=9, fontweight="normal", color=colour if colour == WARNING else INK, loc="left", pad=4
    )
