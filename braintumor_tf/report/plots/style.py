"""One look for every figure: theme, palette, sizes, and the way a figure becomes a small PNG.

Figures are plain `matplotlib.figure.Figure` objects that pyplot does not know of, so none stays open and no global
setting changes. They also show themselves in a notebook.
"""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import matplotlib
import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from braintumor_tf.files import atomic_path

DPI = 150
MAX_BYTES = 200_000
"""A PNG is stored with fewer colours, then fewer pixels, until it is no larger than this."""

INK = "#1f2933"
MUTED = "#66717d"
FAINT = "#c3cad2"
ACCENT = "#3546a0"
WARNING = "#c92a2a"

CLASS_COLOURS = {
    "glioma": "#d55e00",
    "meningioma": "#0072b2",
    "no_tumor": "#009e73",
    "pituitary": "#cc79a7",
    "tumor": "#882255",
}
"""One colour for each class over all figures (Okabe and Ito's colour-blind-safe palette, and one of Tol's)."""

SPLIT_COLOURS = {"train": "#5b6b7b", "validation": "#56b4e9", "test": "#e69f00", "overlap": "#9a8c98", "": "#9aa5b1"}
"""One colour for each split over all figures; the empty name is that of images without a split."""

SPLITS = tuple(SPLIT_COLOURS)

SETTINGS = {
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.5,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 10.5,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 9.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "figure.dpi": DPI,
    "figure.constrained_layout.w_pad": 0.12,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.wspace": 0.02,
    "figure.constrained_layout.hspace": 0.02,
    "savefig.dpi": DPI,
    "savefig.facecolor": "white",
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "grid.color": "#e4e8ec",
    "grid.linewidth": 0.8,
    "text.color": INK,
    "text.parse_math": False,  # labels are the user's: a "$" in one is a "$"
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 1.9,
}

Plot = TypeVar("Plot", bound=Callable[..., Figure])


class Chart(Figure):
    """A figure outside pyplot that a notebook can show."""

    def _repr_png_(self) -> bytes:
        return to_png(self)


@contextlib.contextmanager
def theme() -> Iterator[None]:
    """Applies the project's look to what is drawn inside the block, and nothing outside it."""
    look = {**seaborn.axes_style("whitegrid"), **seaborn.plotting_context("notebook"), **SETTINGS}
    with matplotlib.rc_context(look), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # names in scripts the font lacks
        yield


def themed(plot: Plot) -> Plot:
    """Decorates a plotting function: it runs inside `theme`, and its figure is laid out there once."""

    @functools.wraps(plot)
    def wrapper(*arguments: Any, **settings: Any) -> Figure:
        with theme():
            figure = plot(*arguments, **settings)
            figure.draw_without_rendering()  # ticks are made on drawing, and must be made inside the theme
            return figure

    return wrapper


def new_figure(width: float = 4.9, height: float = 3.6, rows: int = 1, columns: int = 1) -> tuple[Chart, np.ndarray]:
    """Makes a figure with constrained layout, outside pyplot.

    Args:
        width: in inches; text is readable on a phone where this is at most about 5.5.
        height: in inches.
        rows: rows of axes.
        columns: columns of axes.

    Returns:
        The figure, and its axes as an array of shape ``(rows, columns)``.
    """
    figure = Chart(figsize=(width, height), layout="constrained", dpi=DPI)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def message_figure(text: str, title: str = "") -> Chart:
    """Returns a small figure that says in words why there is nothing to draw."""
    figure, axes = new_figure(4.9, 1.6)
    axes[0, 0].set_axis_off()
    axes[0, 0].set_title(title)
    axes[0, 0].text(0.5, 0.5, shorten(text, 120), ha="center", va="center", color=MUTED, wrap=True)
    return figure


def class_colours(labels: Iterable[str]) -> dict[str, Any]:
    """Gives each class its colour: the fixed one if it is known, else one that depends on the other unknown names."""
    labels = list(dict.fromkeys(map(str, labels)))
    unknown = sorted(label for label in labels if label not in CLASS_COLOURS)
    spare = dict(zip(unknown, seaborn.husl_palette(len(unknown), s=0.75, l=0.55), strict=True)) if unknown else {}
    return {label: CLASS_COLOURS.get(label, spare.get(label)) for label in labels}


def split_name(split: str) -> str:
    """Returns the name of a split for people: the empty name is "no split"."""
    return split or "no split"


def shorten(text: object, width: int = 22) -> str:
    """Returns a label cut to `width` characters with an ellipsis, on one line."""
    text = " ".join(str(text).split())
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def set_heading(figure: Figure, text: str) -> None:
    """Writes the title of a whole figure at its upper left."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=12, fontweight="bold")


def legend_below(axes: Axes, columns: int = 2) -> None:
    """Puts the legend of `axes` under the figure, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.figure.legend(handles, labels, loc="outside lower center", ncols=columns, columnspacing=1.4)


def to_png(figure: Figure, limit: int = MAX_BYTES) -> bytes:
    """Renders a figure at its own resolution (150 dpi) as a PNG with a palette, of at most about `limit` bytes."""
    canvas = FigureCanvasAgg(figure)  # drawn directly: savefig would lay the figure out three times
    with theme(), _laid_out(figure):
        canvas.draw()
    return small_png(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy()), limit)


@contextlib.contextmanager
def _laid_out(figure: Figure) -> Iterator[None]:
    """Keeps the layout of a figure that was drawn before and not changed since; finding it is most of drawing."""
    layout = figure.get_layout_engine()
    if layout is None or figure.stale:
        yield
        return
    figure.set_layout_engine("none")
    try:
        yield
    finally:
        figure.set_layout_engine(layout)


def small_png(image: Image.Image, limit: int = MAX_BYTES) -> bytes:
    """Encodes an image as a palette PNG, with fewer colours and then fewer pixels until it fits `limit` bytes."""
    image = image.convert("RGB")
    data = b""
    for scale, colours in ((1.0, 256), (1.0, 128), (1.0, 64), (0.8, 64), (0.65, 48), (0.5, 32), (0.4, 16)):
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        scaled = image if scale == 1.0 else image.resize(size, Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        palette = scaled.quantize(colours, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        palette.save(buffer, format="PNG", optimize=True)
        data = buffer.getvalue()
        if len(data) <= limit:
            break
    return data


def save_figure(figure: Figure, path: str | Path, *, limit: int = MAX_BYTES) -> Path:
    """Writes a figure as a small PNG, atomically, and returns the path."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(to_png(figure, limit))
    return Path(path)
