"""Options that several commands share, each written once; those of a model and of training are the fields they set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]

WORDS = "braintumor_tf.words"
"""Where the context of the command line keeps its words."""

DATA_DIR = click.option("--data-dir", default="data", show_default=True, help="Where data sets are kept.")
BINARY = click.option("--binary", is_flag=True, help="Tumour or not, whatever the type.")
BASELINES = click.option(
    "--baselines/--no-baselines", default=True, show_default=True, help="Score the shortcut baselines too."
)
NO_LINK = click.option(
    "--no-link", is_flag=True, help="Do not look for published pictures, and so leave their patients unknown."
)
SEED = click.IntRange(0, 2**32 - 1)
"""The type of every option that is a seed; the range is that of `types.check_seed`, which would import much."""

VIEWS = click.option(
    "--views",
    type=click.IntRange(1),
    help="Poses of each image to average over; by default 1, or those that an ensemble was kept with.",
)
DROPOUT = click.option(
    "--dropout", default=0.5, show_default=True, help="Share of features dropped before the classification."
)

MODEL_SETTINGS = (
    click.option("--image-size", type=click.IntRange(1), help="Side in pixels; by default the model's own."),
    click.option(
        "--crop", type=click.Choice(["head"]), help="Cut images down to the head, in training and in every prediction."
    ),
    click.option("--weights", default="random", show_default=True, help="random, imagenet or a file."),
)
"""Fields of `braintumor_tf.types.ModelConfig` that ``train`` and ``search`` take; each is handed on by its name."""

TRAINING_SETTINGS = (
    click.option("--epochs", type=click.IntRange(1), help="Epochs of the preset's last stage."),
    click.option("--trains", help="What the last stage trains: all, head, a number of blocks or a share such as 0.75."),
    click.option("--precision", help="auto (by default), float32, mixed_float16 or mixed_bfloat16."),
)
"""Fields of a preset or of its last stage that ``train`` takes; each is handed on by its name."""


def add_options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Returns a decorator that adds several options to a command; its help lists them in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def protocol_option(*protocols: str) -> Callable[[Command], Command]:
    """Returns the option that says how images are split; the first protocol is the default."""
    return click.option(
        "--protocol",
        default=protocols[0],
        show_default=True,
        type=click.Choice(protocols),
        help="How images are split.",
    )


def json_option(text: str) -> Callable[[Command], Command]:
    """Returns the flag that asks for JSON, with its help."""
    return click.option("--json", "as_json", is_flag=True, help=text)


def default_folder(*parts: str) -> Path:
    """Returns the folder that is written to where ``--out`` is not given: ``models/``, and a name of all parts."""
    return Path("models") / "_".join(parts).replace("/", "-")
