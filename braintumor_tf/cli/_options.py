"""Options that several commands share, each written once; those of a model and of training are the fields they set."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]

WORDS = "braintumor_tf.words"
"""Where the context of the command line keeps its words."""

DATA_DIR = click.option("--data-dir", default="data", show_default=True, help="Where data sets are kept.")
BINARY = click.option("--binary", is_flag=True, help="Tumour or not, whatever the type.")
MERGE_BINARY = click.option("--binary", is_flag=True, help="Of several data sets: tumour or not, whatever the type.")
DROP_COPIES = click.option(
    "--drop-copies", is_flag=True, help="Of several data sets: leave out all but one file of each picture and label."
)
BASELINES = click.option(
    "--baselines/--no-baselines", default=True, show_default=True, help="Score the shortcut baselines too."
)
PLANE = click.option(
    "--plane",
    default="axial",
    show_default=True,
    type=click.Choice(["axial", "coronal", "sagittal"]),
    help="The plane of slices of volumes.",
)


def volume_slices(default: str) -> Callable[[Command], Command]:
    """Returns the option that says which slices of a volume are read."""
    text = "Slices of each volume (NIfTI, MGH, DICOM): middle, all that show the head, or how many."
    return click.option("--slices", default=default, show_default=True, metavar="WHICH", help=text)


_LAYOUT = (
    click.option(
        "--ignore",
        multiple=True,
        metavar="PATTERN",
        help="Leave out folders and files of this name, such as pred or '*_mask.*'; may be repeated.",
    ),
    click.option(
        "--label-from",
        type=int,
        metavar="DEPTH",
        help="Which folder names the class: 1 is the first below the data set's own, -1 the one that holds the image; "
        "by default told by the names.",
    ),
    volume_slices("middle"),
    PLANE,
    click.option(
        "--keep-patient-ids", is_flag=True, help="Keep the patients' ids of DICOM files, instead of pseudonyms."
    ),
)
"""Arguments of `braintumor_tf.datasets.scan` that settle how folders are read, by their names."""

_LAYOUT_NAMES = ("ignore", "label_from", "slices", "plane", "keep_patient_ids")

NO_LINK = click.option(
    "--no-link", is_flag=True, help="Do not look for published pictures, and so leave their patients unknown."
)
INDEX = click.option(
    "--index",
    "indexes",
    multiple=True,
    metavar="FILE",
    help="Search this table, as `datasets index` makes it, instead of those that come along; may be repeated.",
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
    click.option(
        "--counterfactuals",
        is_flag=False,
        flag_value=1,
        type=click.IntRange(0),
        metavar="[PAIRS]",
        help="Train on pairs: each head with a known lesion with and without it, each healthy head with and without "
        "another person's lesion, so many times (1).",
    ),
    click.option(
        "--controls",
        type=click.FloatRange(0, 1),
        help="Of the pictures of the pairs that keep their label, the share that is changed elsewhere.",
    ),
    click.option(
        "--grey-curves",
        is_flag=False,
        flag_value=0.5,
        type=click.FloatRange(0, 1),
        metavar="[SHARE]",
        help="Random grey curves for half the training images, up to this share (0.5), as of other sequences.",
    ),
    click.option(
        "--bias-fields",
        is_flag=False,
        flag_value=0.3,
        type=click.FloatRange(0),
        metavar="[SIZE]",
        help="Random bias fields for half the training images, with coefficients up to this (0.3).",
    ),
    click.option(
        "--blur",
        is_flag=False,
        flag_value=1.0,
        type=click.FloatRange(0),
        metavar="[SIGMA]",
        help="Random blur for half the training images, up to so many pixels (1).",
    ),
    click.option(
        "--box-loss",
        is_flag=False,
        flag_value=0.2,
        type=click.FloatRange(0),
        metavar="[WEIGHT]",
        help="Weight (0.2) of the loss of a second head that finds the lesion; it is no part of the model.",
    ),
    click.option(
        "--balance",
        type=click.Choice(["origin_class"]),
        help="Let all pairs of origin and class count alike in the loss.",
    ),
    click.option(
        "--group-dro",
        is_flag=False,
        flag_value=0.01,
        type=click.FloatRange(0),
        metavar="[STEP]",
        help="Let the loss follow the worst pair of origin and class, in steps of this size (0.01).",
    ),
)
"""Fields of a preset or of its last stage that ``train`` takes; each is handed on by its name."""

NOISE = (
    click.option(
        "--noise",
        metavar="NAMES",
        help="Noise for the training images: gaussian, salt_and_pepper, speckle and so on; of "
        "several, such as gaussian,speckle, each image gets one.",
    ),
    click.option(
        "--severity",
        default="1",
        show_default=True,
        help="How strong the noise is, 1 to 5; a range such as 1-5 is drawn from for each image.",
    ),
    click.option(
        "--noise-probability",
        default=1.0,
        show_default=True,
        type=click.FloatRange(0, 1),
        help="The share of the training images that get noise in an epoch.",
    ),
    click.option(
        "--noise-size",
        type=click.IntRange(1),
        help="Side of the training images when noise is added to them, such as the 224 at which "
        "robustness tests; by default that of the model.",
    ),
)
"""The noise of training images, for ``train``."""

DEVICES = (
    click.option("--devices", metavar="NAMES", help="Train on several: all, or names such as gpu:0,gpu:1."),
    click.option("--job-addresses", metavar="HOST:PORT", help="Of process 0, where several processes train together."),
    click.option("--num-processes", type=click.IntRange(1), help="How many processes train together (JAX backend)."),
    click.option("--process-id", type=click.IntRange(0), help="Which of them this is, from 0."),
)
"""What to train on, for ``train``."""


def add_options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Returns a decorator that adds several options to a command; its help lists them in this order."""

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def layout_options(command: Command) -> Command:
    """Adds the options that settle how folders are read; the command gets them as one mapping, `layout`.

    They are arguments of `braintumor_tf.datasets.scan`.
    """

    @functools.wraps(command)
    def gathered(**options: Any) -> Any:
        layout = {name: options.pop(name) for name in _LAYOUT_NAMES}
        return command(**options, layout=layout)

    return add_options(*_LAYOUT)(gathered)


def dataset_option(text: str, **settings: Any) -> Callable[[Command], Command]:
    """Returns the option that names a data set, or several that are taken as one, with its help."""
    more = f"{text}; several, given one by one, are merged."
    return click.option("--dataset", "datasets", multiple=True, metavar="DATASET", help=more, **settings)


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


def called(datasets: Sequence[str]) -> str | list[str]:
    """Returns what data sets are called in ``config.json``: one by its name, several by theirs."""
    return datasets[0] if len(datasets) == 1 else list(datasets)


def refuse_for_one(datasets: Sequence[str], **flags: bool) -> None:
    """Raises UsageError where a flag that says how data sets are merged is given for a single one."""
    for name, given in flags.items():
        if given and len(datasets) == 1:
            raise click.UsageError(f"--{name.replace('_', '-')} goes with several data sets")


def refuse_index_alone(indexes: Sequence[str], no_link: bool) -> None:
    """Raises UsageError where a table is to be searched and nothing is to be looked for."""
    if indexes and no_link:
        raise click.UsageError("--index looks for the pictures of a table; leave out --no-link")


def short_name(datasets: Sequence[str]) -> str:
    """Returns the name of data sets in the name of a folder, such as ``sartaj+masoud``."""
    return "+".join(Path(name).stem for name in datasets)


def default_folder(*parts: str) -> Path:
    """Returns the folder that is written to where ``--out`` is not given: ``models/``, and a name of all parts."""
    return Path("models") / "_".join(parts).replace("/", "-")
