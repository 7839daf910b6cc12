"""Pictures of a network's architecture, drawn by visualkeras, at a size that can be read.

visualkeras 0.2 expects layers of Keras 2, and would draw every layer of a network of hundreds. It is given stand-ins
instead: one object for each step of the picture, with the attributes that it reads. The model itself is never handed
over, so nothing can change it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageDraw, ImageFont

from braintumor_tf.errors import ExplanationError
from braintumor_tf.explanation.network.architecture_steps import (
    BLOCKS,
    COLOURS,
    INVERTED_RESIDUAL,
    OTHER_COLOUR,
    SKIP,
    TRANSFORMER,
    Step,
    graph_steps,
    layered_steps,
)
from braintumor_tf.files import atomic_path

if TYPE_CHECKING:
    import keras

VIEWS = ("layered", "graph")
"""What `draw_architecture` calls its two pictures."""

INK, MUTED = "#1f2933", "#66717d"
NODE, GAP, MARGIN = 34, 30, 22
"""Sizes in pixels of the graph: side of a node, distance between two, and border."""

DEPTHS = 520
"""Pixels that the thicknesses of all boxes of the layered view may add up to."""


def draw_architecture(
    model: keras.Model,
    *,
    out: str | Path | None = None,
    view: str = "layered",
    title: str | None = None,
    font_size: int = 14,
) -> Image.Image:
    """Draws a network with visualkeras: where it loses resolution and gains channels, or how its branches meet.

    Normalisation, activation, padding and dropout are left out. In the layered view a block of several branches
    (inverted residual, transformer) is one box; sides and depths are drawn by their square roots. In the graph the
    first block of each make is drawn layer by layer and those built alike are one node; branches that skip layers run
    through pale nodes.

    Args:
        model: a network, built or loaded; it is not changed.
        out: the PNG file to write, atomically; None to write no file.
        view: ``"layered"`` or ``"graph"``.
        title: a line above; None for the model's name and number of weights, an empty text for no title.
        font_size: of captions, in pixels.

    Returns:
        The picture, RGB; up to 1,200 pixels wide for every model of the table, so that it can be read at 800.

    Raises:
        ExplanationError: the view is unknown, or the model is no network of layers.

    Example:
        >>> draw_architecture(model, out="cnn.png").mode  # doctest: +SKIP
        'RGB'
    """
    if view not in VIEWS:
        raise ExplanationError(f"{view!r} is no view; choose one of {', '.join(VIEWS)}")
    if not getattr(model, "layers", None) or not hasattr(model, "get_config"):
        raise ExplanationError(f"{type(model).__name__} has no layers to draw; give a network")
    picture = _layered(layered_steps(model), font_size) if view == "layered" else _graph(graph_steps(model), font_size)
    if title is None:
        title = f"{model.name}: {model.count_params():,} weights"
    picture = _with_title(picture, title, font_size)
    if out is not None:
        with atomic_path(out) as temporary:
            picture.quantize(128, dither=Image.Dither.NONE).save(temporary, format="PNG", optimize=True)
    return picture


# === Layered view ===


def _layered(steps: Sequence[Step], font_size: int) -> Image.Image:
    import visualkeras  # imports TensorFlow

    font = _font(font_size)
    drawn, texts = _placed_boxes(steps, font, visualkeras.SpacingDummyLayer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = visualkeras.layered_view(
            SimpleNamespace(layers=drawn), min_z=1, min_xy=1, scale_z=1, scale_xy=1, color_map=_colour_map(steps),
            spacing=0, padding=MARGIN, legend=False, font=font, font_color=INK, shade_step=14,
            text_callable=lambda number, layer: (texts.get(id(layer), ""), False), text_vspacing=3,
        )  # fmt: skip
    return _with_legend(_with_border(picture, 8), steps, font_size)


def _placed_boxes(
    steps: Sequence[Step], font: ImageFont.FreeTypeFont, space: Callable[[int], Any]
) -> tuple[list[Any], dict[int, str]]:
    """Returns stand-ins for boxes with space between them so that no text covers anything, and the texts by `id`.

    Boxes of one kind and shape are a run, with one text under its middle: the shape where it changes, and how many
    blocks there are. visualkeras moves each box to the left by half of its slant, which is a third of its side.
    """
    drawn: list[Any] = []
    texts: dict[int, str] = {}
    z, right, clear = 0.0, -1e9, -1e9
    before = Step("", ())
    thinner = min(1.0, DEPTHS / sum(_depth(step) + 4 for step in steps))
    for (kind, shape), members in groupby(steps, key=lambda step: (step.kind, step.shape)):
        run = list(members)
        depth, side, middle = max(6, round(thinner * _depth(run[0]))), _side(run[0]), (len(run) - 1) // 2
        lines = [_caption(run[0])] if shape != before.shape else []
        if len(run) > 1 and kind in (INVERTED_RESIDUAL, TRANSFORMER):
            lines.append(f"{len(run)} blocks")
        gap = 4.0 if shape == before.shape else 14.0
        if lines:
            half = max(font.getlength(line) for line in "\n".join(lines).split("\n")) / 2
            centre = z + gap - side / 6 + middle * (depth + 4) + depth / 2
            steeper = max(0.0, min(_side(before) / 3, (_side(before) - side) * 2 / 3)) if drawn else 0.0
            gap += max(0.0, max(clear, right + steeper + 4) - (centre - half)) if drawn else half
        for place in range(len(run)):
            drawn.append(space(round(gap) if place == 0 else 4))
            drawn.append(_stand_in(kind, output_shape=(None, side, side, depth), name=kind))
            z += drawn[-2].spacing + depth
            if lines and place == middle:
                texts[id(drawn[-1])] = "\n".join(lines)
                clear = z - side / 6 - depth / 2 + half + 10
        right, before = z - side / 6, run[0]
    return drawn, texts


def _side(step: Step) -> int:
    """Returns the height of a box in pixels: 209 for a map of 224 x 224, 52 for 14 x 14 or 197 tokens."""
    return max(14, round(14 * (step.shape[0] if len(step.shape) > 2 else _tokens(step) ** 0.5) ** 0.5))


def _tokens(step: Step) -> int:
    return step.shape[0] if len(step.shape) == 2 else 1


def _depth(step: Step) -> int:
    """Returns the thickness of a box in pixels: 9 for 16 channels, 80 for 1,280."""
    return max(6, round(2.25 * step.shape[-1] ** 0.5))


def _caption(step: Step) -> str:
    """Returns a shape in two lines: rows and columns (or tokens), channels."""
    *places, channels = step.shape
    return "\n".join(["×".join(map(str, places))] * bool(places) + [str(channels)])


# === Graph view ===


def _graph(steps: Sequence[Step], font_size: int) -> Image.Image:
    import visualkeras  # imports TensorFlow

    nodes, levels = _nodes(steps)
    output = nodes[len(steps) - 1].output
    model = SimpleNamespace(_layers=nodes, layers=nodes, outputs=[output], output_names=[nodes[len(steps) - 1].name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = visualkeras.graph_view(
            model, color_map=_colour_map([*steps, Step(SKIP, (1,))]), node_size=NODE, padding=MARGIN, node_spacing=4,
            layer_spacing=GAP, connector_fill=MUTED, connector_width=2, inout_as_tensor=False, show_neurons=False,
        )  # fmt: skip
    font = _font(max(font_size - 2, 9))
    columns = {level: step for step, level in zip(steps, levels)}
    height = 3 * (font.size + 4)
    picture = _with_border(picture, height)
    draw = ImageDraw.Draw(picture)
    for level, step in columns.items():
        lines = [f"{step.count} blocks" if step.kind == BLOCKS else "", _places(step), str(step.shape[-1])]
        where = (MARGIN + level * (NODE + GAP) + NODE / 2, picture.height - height)
        draw.multiline_text(where, "\n".join(lines), fill=INK, font=font, anchor="ma", align="center", spacing=3)
    shown = list(steps) + ([Step(SKIP, (1,))] if len(nodes) > len(steps) else [])
    return _with_legend(picture, shown, font_size)


def _places(step: Step) -> str:
    return "×".join(map(str, step.shape[:-1]))


def _nodes(steps: Sequence[Step]) -> tuple[list[Any], list[int]]:
    """Returns a stand-in for each step, more where a branch passes by others, and the column of each step."""
    levels: list[int] = []
    for step in steps:
        levels.append(1 + max((levels[parent] for parent in step.parents), default=-1))
    nodes = [_node(step.kind, number) for number, step in enumerate(steps)]
    for number, step in enumerate(steps):
        parents = []
        for parent in step.parents:
            before = nodes[parent]
            for _ in range(levels[parent] + 1, levels[number]):
                nodes.append(_node(SKIP, len(nodes), [before]))
                before = nodes[-1]
            parents.append(before)
        if parents:
            nodes[number]._inbound_nodes = [SimpleNamespace(inbound_layers=parents)]
    return nodes, levels


def _node(kind: str, number: int, parents: Sequence[Any] = ()) -> Any:
    inbound = [SimpleNamespace(inbound_layers=list(parents))] if parents else []
    return _stand_in(kind, name=f"{number}", output=object(), _inbound_nodes=inbound)


# === What both share ===


@cache
def _kind_class(kind: str) -> type:
    """Returns one class for each kind: visualkeras colours boxes by their class."""
    return type(kind, (), {})


def _stand_in(kind: str, **attributes: Any) -> Any:
    stand_in = _kind_class(kind)()
    vars(stand_in).update(attributes)
    return stand_in


def _colour_map(steps: Sequence[Step]) -> dict[type, dict[str, str]]:
    return {
        _kind_class(kind): {"fill": COLOURS.get(kind, OTHER_COLOUR), "outline": INK if kind != SKIP else MUTED}
        for kind in dict.fromkeys(step.kind for step in steps)
    }


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib  # its copy of the house's font

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), size)


def _with_border(picture: Image.Image, bottom: int) -> Image.Image:
    larger = Image.new("RGB", (picture.width, picture.height + bottom), "white")
    larger.paste(picture.convert("RGB"))
    return larger


def _with_legend(picture: Image.Image, steps: Sequence[Step], font_size: int) -> Image.Image:
    """Adds the colours and names of the kinds below, in as many lines as the picture's width asks for."""
    font, square = _font(font_size), font_size
    kinds = list(dict.fromkeys(step.kind for step in steps))
    places, x, y = [], MARGIN, 8
    for kind in kinds:
        width = square + 8 + font.getlength(kind) + 22
        if x > MARGIN and x + width > picture.width:
            x, y = MARGIN, y + font_size + 10
        places.append((x, y))
        x += width
    larger = _with_border(picture, round(y + font_size + 14))
    draw = ImageDraw.Draw(larger)
    for kind, (x, y) in zip(kinds, places):
        top = picture.height + y
        draw.rectangle((x, top, x + square, top + square), fill=COLOURS.get(kind, OTHER_COLOUR), outline=INK)
        draw.text((x + square + 8, top + square / 2), kind, fill=INK, font=font, anchor="lm")
    return larger


def _with_title(picture: Image.Image, title: str, font_size: int) -> Image.Image:
    if not title:
        return picture
    font = _font(font_size + 3)
    height = font.size + 12
    larger = Image.new(
        "RGB", (max(picture.width, round(font.getlength(title)) + 2 * MARGIN), picture.height + height), "white"
    )
    larger.paste(picture, (0, height))
    ImageDraw.Draw(larger).text((MARGIN, 8), title, fill=INK, font=font)
    return larger
