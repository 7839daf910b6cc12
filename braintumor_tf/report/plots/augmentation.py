"""Figures of augmentation: one image under each transform and noise, grey levels before and after, a training batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from braintumor_tf.augment import NOISE_PRESETS, SEVERITIES, ImageDataGenerator, noise_at
from braintumor_tf.report.plots.style import (
    ACCENT,
    INK,
    MUTED,
    class_colours,
    message_figure,
    new_figure,
    set_heading,
    shorten,
    themed,
)

_TILE = 1.0  # inches


@themed
def transform_grid(
    image: np.ndarray,
    generators: Mapping[str, ImageDataGenerator],
    *,
    draws: int = 5,
    seed: int = 0,
    title: str = "One image, each transform alone",
) -> Figure:
    """A row for each generator: the image, then as many random draws.

    Args:
        image: uint8 or float in 0..255, shape (height, width) or (height, width, channels).
        generators: the rows' names and what draws them.
        draws: images in a row beside the original.
        seed: of the draws.
        title: the figure's title.
    """
    pixels = _with_channels(image).astype(np.float32)
    seeds = np.random.default_rng(seed).integers(1 << 31, size=draws)
    rows = {
        name: [pixels, *(generator.random_transform(pixels, seed=int(one)) for one in seeds)]
        for name, generator in generators.items()
    }
    return _rows(rows, ["original", *(f"draw {number + 1}" for number in range(draws))], title)


@themed
def severity_grid(
    image: np.ndarray,
    noises: Iterable[str] = tuple(NOISE_PRESETS),
    *,
    seed: int = 0,
    title: str = "Noise at severities 0 to 5",
) -> Figure:
    """A row for each noise, a column for each severity; severity 0 is the image itself.

    Args:
        image: as in `transform_grid`.
        noises: names of presets.
        seed: of the noise, the same in each tile.
        title: the figure's title.
    """
    levels = (0, *SEVERITIES)
    rows = {
        name.replace("_", " "): [noise_at(name, level)(image, np.random.default_rng(seed)) for level in levels]
        for name in noises
    }
    return _rows(rows, [str(level) for level in levels], title)


@themed
def grey_level_histograms(
    image: np.ndarray,
    noises: Iterable[str] = tuple(NOISE_PRESETS),
    *,
    severity: int = 3,
    seed: int = 0,
    title: str = "",
) -> Figure:
    """How each noise changes the distribution of grey levels: a small chart for each, before and after.

    Args:
        image: as in `transform_grid`.
        noises: names of presets.
        severity: 1 to 5.
        seed: of the noise.
        title: the figure's title; empty names the severity.
    """
    names = list(noises)
    columns = 2
    figure, axes = new_figure(4.9, 1.35 * -(-len(names) // columns) + 0.9, -(-len(names) // columns), columns)
    bins = np.linspace(0, 256, 65)
    for chart in axes.ravel()[len(names) :]:
        chart.set_axis_off()
    for chart, name in zip(axes.ravel(), names, strict=False):
        noisy = noise_at(name, severity)(image, np.random.default_rng(seed))
        for pixels, colour, label in ((image, MUTED, "original"), (noisy, ACCENT, "with noise")):
            counts, _ = np.histogram(pixels, bins)
            chart.stairs(100 * counts / counts.sum(), bins, color=colour, label=label, linewidth=1.4)
        chart.set_yscale("symlog", linthresh=1)
        chart.set_ylim(0, 100)
        chart.set_yticks([0, 1, 10, 100], ["0", "1", "10", "100"])
        chart.set_xlim(0, 256)
        chart.set_xticks([0, 128, 255])
        chart.set_title(name.replace("_", " "), fontsize=10, fontweight="normal", pad=4)
    figure.supxlabel("grey level", fontsize=10)
    figure.supylabel("share of pixels (%)", fontsize=10)
    set_heading(figure, title or f"Grey levels, severity {severity}")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


@themed
def batch_grid(batch: np.ndarray, labels: Sequence[str] = (), *, title: str = "What the network sees") -> Figure:
    """The images of a batch as they reach the network, from its lowest (black) to its highest value (white).

    Args:
        batch: shape (images, height, width, channels), any range, channels last.
        labels: one for each image; empty for no labels.
        title: the figure's title; the range of values is added.
    """
    if not len(batch):
        return message_figure("the batch is empty", title)
    columns, low, high = 4, float(batch.min()), float(batch.max())
    scaled = (batch - low) * (255 / (high - low) if high > low else 0)
    rows = -(-len(batch) // columns)
    figure, axes = new_figure(1.25 * columns, 1.4 * rows + 0.45, rows, columns)
    colours = class_colours(sorted(set(labels)))
    for chart in axes.ravel()[len(batch) :]:
        chart.set_axis_off()
    for number, (chart, image) in enumerate(zip(axes.ravel(), scaled, strict=False)):
        _show(chart, image)
        if len(labels):
            chart.set_title(shorten(labels[number], 13), fontsize=9, color=colours[labels[number]], loc="center", pad=3)
    heading = f"{title} ({low:.2f} to {high:.2f})"
    set_heading(figure, heading)
    return figure


def _rows(rows: Mapping[str, Sequence[np.ndarray]], columns: Sequence[str], title: str) -> Figure:
    if not rows:
        return message_figure("nothing to show", title)
    width = _TILE * len(columns) + 0.9
    figure, axes = new_figure(width, _TILE * len(rows) + 0.75, len(rows), len(columns))
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for chart, image in zip(line, images, strict=True):
            _show(chart, image)
        line[0].set_ylabel(name.replace(" ", "\n", 1), rotation=0, ha="right", va="center", fontsize=9, color=INK)
    for chart, name in zip(axes[0], columns, strict=True):
        chart.set_title(name, fontsize=9, fontweight="normal", loc="center", pad=3)
    set_heading(figure, title)
    return figure


def _show(chart: Axes, image: np.ndarray) -> None:
    pixels = np.clip(_with_channels(image), 0, 255).astype(np.uint8)
    chart.imshow(pixels[..., 0] if pixels.shape[2] == 1 else pixels, cmap="gray", vmin=0, vmax=255)
    chart.set_xticks([])
    chart.set_yticks([])
    chart.grid(False)
    for edge in chart.spines.values():
        edge.set_visible(False)


def _with_channels(image: np.ndarray) -> np.ndarray:
    return image[..., None] if image.ndim == 2 else image
