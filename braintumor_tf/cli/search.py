"""The command ``search``: finds good training settings on the validation images, with any number of processes."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from braintumor_tf.cli._options import (
    BINARY,
    DATA_DIR,
    DROP_COPIES,
    INDEX,
    MODEL_SETTINGS,
    NO_LINK,
    SEED,
    add_options,
    called,
    dataset_option,
    default_folder,
    json_option,
    layout_options,
    protocol_option,
    refuse_for_one,
    refuse_index_alone,
    short_name,
)
from braintumor_tf.cli._output import (
    group_and_say,
    load_datasets,
    print_json,
    refuse_one_class,
    refuse_unwritable,
    say_path,
)

if TYPE_CHECKING:
    import pandas as pd

    from braintumor_tf.training import Search


@click.command()
@click.option("--model", required=True, help="A network: CNN, MobileNetV2-0.35, EfficientNetB0, ViT-B/16 and so on.")
@dataset_option("synthetic, the name of a source, a folder or a CSV", required=True)
@layout_options
@protocol_option("grouped", "random", "official")
@BINARY
@DROP_COPIES
@NO_LINK
@INDEX
@click.option("--trials", default=20, show_default=True, type=click.IntRange(1), help="Of all processes together.")
@click.option("--only", multiple=True, metavar="NAME", help="Search this parameter alone; may be repeated.")
@click.option("--space", metavar="FILE", help="Ranges of your own, as JSON: {NAME: {low, high, log} or [VALUES]}.")
@click.option(
    "--storage", help="Where trials are kept: sqlite:///study.db or a journal file; by default OUT/study.log."
)
@click.option("--name", default="search", show_default=True, help="Of the study; one database can hold several.")
@click.option("--preset", help="Preset to start from, by name or as a .json file; by default the model's own.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of the preset's last stage, no longer searched then.")
@add_options(*MODEL_SETTINGS)
@click.option(
    "--seed", default=0, show_default=True, type=SEED, help="Decides the split and everything else drawn at random."
)
@click.option("--prune/--no-prune", default=True, show_default=True, help="End hopeless trials early.")
@click.option("--train", "train_best", is_flag=True, help="Train the best settings at the end, and write the report.")
@click.option(
    "--out", metavar="DIR", help="Folder of the search; by default models/search_MODEL_DATASET_PROTOCOL_SEED."
)
@json_option("Print one JSON object.")
@DATA_DIR
def search(
    model: str,
    datasets: tuple[str, ...],
    layout: dict[str, Any],
    protocol: str,
    binary: bool,
    drop_copies: bool,
    no_link: bool,
    indexes: tuple[str, ...],
    only: tuple[str, ...],
    space: str | None,
    preset: str | None,
    seed: int,
    train_best: bool,
    out: str | None,
    as_json: bool,
    data_dir: str,
    **options: Any,
) -> None:
    """Searches for training settings on the validation images; prints the best and where it is kept.

    Call it several times at once, on one machine or many, and all work at the same search; call it again to go on.
    No trial sees a test image; with --train the best settings are scored on them, once.

    \b
    Example: braintumor-tf search --model CNN --dataset data/sartaj --trials 40 --only learning_rate --only epochs
    Example: braintumor-tf search --model CNN --dataset data/sartaj --trials 40 --storage sqlite:///study.db --train
    """
    refuse_for_one(datasets, drop_copies=drop_copies)
    refuse_index_alone(indexes, no_link)
    ranges = _ranges(only, space)
    _check(model, preset, ranges, options)
    from braintumor_tf.datasets import to_binary
    from braintumor_tf.leakage import split

    folder = Path(out or default_folder("search", model, short_name(datasets), protocol, str(seed)))
    refuse_unwritable(folder)
    how = {"indexes": indexes, "binary": binary, "drop_copies": drop_copies, **layout}
    scan = load_datasets(datasets, link=not no_link, data_dir=data_dir, **how)
    manifest = to_binary(scan.manifest) if binary else scan.manifest
    refuse_one_class(manifest, datasets)
    merged = len(datasets) > 1  # and so grouped
    manifest, said = (manifest, []) if merged else group_and_say(manifest, datasets[0])
    manifest = split(manifest, protocol, seed=seed)
    from braintumor_tf.training import run_search

    found = run_search(manifest, model, out=folder, space=ranges, preset=preset, seed=seed, **options)
    report = None
    if train_best:
        unreadable = scan.unreadable.to_dict("records")
        config = {"dataset": called(datasets), "protocol": protocol, "unreadable": unreadable, "search": str(folder)}
        config |= {**scan.to_config(), "data_remarks": scan.remarks + said}
        report = _train_best(found, manifest, folder / "best", config)
    if as_json:
        print_json({**found.to_dict(), "preset": found.preset.to_dict(), "out": folder, "report": report})
        return
    _say(found, folder)
    if report is not None:
        say_path("report", report)


def _ranges(only: tuple[str, ...], space: str | None) -> dict[str, Any] | list[str] | None:
    if only and space:
        raise click.UsageError("give --only or --space, not both")
    if space is None:
        return list(only) or None
    from braintumor_tf.training import SearchError

    try:
        ranges = json.loads(Path(space).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise SearchError(f"{space}: not JSON ({error})") from None
    if not isinstance(ranges, dict):
        raise SearchError(f"{space}: holds no table; write a range or a list of values for each parameter")
    return ranges


def _check(model: str, preset: str | None, ranges: dict[str, Any] | list[str] | None, options: dict[str, Any]) -> None:
    """Refuses an unknown model, preset or parameter, and a size that cannot fit, before images are read."""
    from braintumor_tf.models import get_spec, resolve_config
    from braintumor_tf.models.input_memory import check_memory
    from braintumor_tf.models.pretrained import resolve_weights
    from braintumor_tf.training import resolve_preset, resolve_space
    from braintumor_tf.types import ModelConfig

    spec = get_spec(model)
    chosen, epochs = preset or spec.preset_for(options["weights"]), options["epochs"]
    batch_size = resolve_preset(chosen, epochs=epochs).batch_size
    sides = resolve_config(ModelConfig(model=model, image_size=options["image_size"])).image_size
    check_memory(spec, sides, batch_size=batch_size)
    resolve_weights(spec, options["weights"], options["image_size"])
    resolve_space(ranges, preset=chosen, fixed=["epochs"] if epochs else [])


def _train_best(found: Search, manifest: pd.DataFrame, out: Path, config: dict[str, Any]) -> Path:
    from braintumor_tf.experiments import run_experiment
    from braintumor_tf.report import write_report

    return write_report(run_experiment(manifest, out=out, config=config, resume=True, **found.arguments))


def _say(found: Search, folder: Path) -> None:
    states = found.trials["state"].value_counts()
    click.echo(f"{len(found.trials)} trials: " + ", ".join(f"{count} {state}" for state, count in states.items()))
    row = found.trials.set_index("trial").loc[found.number]
    values = ", ".join(f"{name} {_short(row[name])}" for name in found.parameters)
    click.echo(f"best: trial {found.number}, {found.monitor} {found.score:.4f} (the best of many: too good), {values}")
    click.echo(f"trials: {folder / 'trials.csv'}")
    click.echo(f"preset: {folder / 'best.json'}")
    click.echo(f"to train with it:\n{shlex.join(train_words(found, folder))}")


def train_words(found: Search, folder: Path) -> list[str]:
    """Returns the words of the command that trains with the best settings, on the images and the split of the search.

    What was given to the search by options that ``train`` has too is handed on; the preset holds what was found.

    Args:
        found: the search.
        folder: its folder, which holds ``best.json``.
    """
    from braintumor_tf.cli.train import train

    context = click.get_current_context()
    shared = {parameter.name for parameter in train.params} - {"preset", "epochs", "dropout", "seed", "out"}
    words = ["braintumor-tf", "train"]
    for parameter in context.command.params:
        given = context.get_parameter_source(parameter.name) is click.core.ParameterSource.COMMANDLINE
        if not given or parameter.name not in shared:
            continue
        value = context.params[parameter.name]
        if getattr(parameter, "is_flag", False):
            words.append(parameter.opts[0] if value else parameter.secondary_opts[0])
        else:
            words += [
                word for one in (value if parameter.multiple else [value]) for word in (parameter.opts[0], str(one))
            ]
    words += ["--preset", str(folder / "best.json"), "--dropout", repr(float(found.dropout))]
    return [*words, "--seed", str(found.seed), "--split-seed", str(context.params["seed"])]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
