"""Pictures inside a page: figures and thumbnails as ``data:`` addresses, so that a page needs no other file."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from braintumor_tf.datasets.reading import open_image
from braintumor_tf.report.plots.images import thumbnail
from braintumor_tf.report.plots.selection import sample_rows
from braintumor_tf.report.plots.style import save_figure, small_png, to_png
from braintumor_tf.report.wording.numbers import number

JPEG_QUALITY = 80

THUMBNAIL = 160
"""Side of a thumbnail in a page, in pixels."""

MAX_TILES = 48
"""Images in one grid of a page at most, so that a page with many classes stays small."""


def embed_image(
    picture: Figure | str | Path | np.ndarray | Image.Image, *, kind: str = "png", side: int | None = None
) -> str:
    """Turns a picture into a ``data:`` address.

    Args:
        picture: a figure, an image file, a uint8 array of shape ``(height, width)`` or
            ``(height, width, 3)``, or a Pillow image.
        kind: ``"png"`` with a palette, for charts; ``"jpeg"`` for photographs.
        side: the longer side in pixels at most; None keeps the size.

    Returns:
        The address, marked as safe for a template.

    Raises:
        ImageReadError: the image file cannot be read.
        ValueError: `kind` is neither of the two.
    """
    if kind not in ("png", "jpeg"):
        raise ValueError(f"kind={kind!r}: use 'png' or 'jpeg'")
    if isinstance(picture, Figure):
        data = to_png(picture)
        if kind == "png" and side is None:
            return _address(data, kind)
        picture = Image.open(io.BytesIO(data))
    elif isinstance(picture, np.ndarray):
        picture = Image.fromarray(picture)
    elif not isinstance(picture, Image.Image):
        picture = open_image(picture)
    if side is not None:
        picture = picture.copy()
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    if kind == "png":
        return _address(small_png(picture), kind)
    buffer = io.BytesIO()
    picture.convert(picture.mode if picture.mode in ("L", "RGB") else "RGB").save(
        buffer, format="JPEG", quality=JPEG_QUALITY, optimize=True
    )
    return _address(buffer.getvalue(), kind)


def embed_file(path: str | Path) -> str:
    """Returns a PNG file as a ``data:`` address, as it stands."""
    return _address(Path(path).read_bytes(), "png")


def keep_figure(figure: Figure, path: str | Path, *, alt: str, caption: str = "") -> dict[str, str]:
    """Saves a figure as PNG; returns what a template shows: ``source`` (a ``data:`` address), ``alt``, ``caption``."""
    return {"source": embed_file(save_figure(figure, path)), "alt": alt, "caption": caption}


def embed_thumbnail(path: str | Path) -> str | None:
    """Returns a square thumbnail of an image file as a ``data:`` address; None where it cannot be read."""
    image = thumbnail(path, side=THUMBNAIL)
    return None if image is None else embed_image(image, kind="jpeg")


def sample_tiles(manifest: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns thumbnails of some images of each class."""
    rows = sample_rows(manifest, for_each_class=3).head(MAX_TILES)
    return [
        {"source": embed_thumbnail(row.path), "title": row.label, "note": "", "path": row.path, "wrong": False}
        for row in rows.itertuples()
    ]


def prediction_tiles(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns thumbnails of predictions that have their `confidence` (`plots.selection.with_confidence`)."""
    return [
        {
            "source": embed_thumbnail(row.path),
            "title": f"{row.predicted} {number(row.confidence, 2)}",
            "note": "right" if row.correct else f"truly {row.label}",
            "path": row.path,
            "wrong": not row.correct,
        }
        for row in rows.head(MAX_TILES).itertuples()
    ]


def _address(data: bytes, kind: str) -> str:
    return Markup(f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}")
