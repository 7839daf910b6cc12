"""The command ``search``: finds good training settings on the validation images, with any number of processes."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import click

from braintumor_tf.cli.models import CROP, DATA_DIR


@click.command()
@click.option("--model", required=True, help="A network: CNN, MobileNetV2-0.35, EfficientNetB0, ViT-B/16 and so on.")
@click.option("--dataset", required=True, help="synthetic, the name of a source, a folder or a CSV.")
@click.option(
    "--protocol",
    default="grouped",
    show_default=True,
    type=click.Choice(["grouped", "random", "official"]),
    help="How images are split.",
)
@click.option("--binary", is_flag=True, help="Tumour or not, whatever the type.")
@click.option("--trials", default=20, show_default=True, type=click.IntRange(1), help="Of all processes together.")
@click.option("--only", multiple=True, metavar="NAME", help="Search this parameter alone; may be repeated.")
@click.option("--space", metavar="FILE", help="Ranges of your own, as JSON: {NAME: {low, high, log} or [VALUES]}.")
@click.option(
    "--storage", help="Where trials are kept: sqlite:///study.db or a journal file; by default OUT/study.log."
)
@click.option("--name", default="search", show_default=True, help="Of the study; one database can hold several.")
@click.option("--preset", help="Preset to start from, by name or as a .json file; by default the model's own.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs of the preset's last stage, no longer searched then.")
@CROP
@click.option("--image-size", type=click.IntRange(1), help="Side in pixels; by default the model's own.")
@click.option("--weights", default="random", show_default=True, help="random, imagenet or a file.")
@click.option("--seed", default=0, show_default=True, help="Decides the split and everything else drawn at random.")
@click.option("--prune/--no-prune", default=True, show_default=True, help="End hopeless trials early.")
@click.option("--train", "train_best", is_flag=True, help="Train the best settings at the end, and write the report.")
@click.option(
    "--out", metavar="DIR", help="Folder of the search; by default models/search_MODEL_DATASET_PROTOCOL_SEED."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@DATA_DIR
def search(
    model: str,
    dataset: str,
    protocol: str,
    binary: bool,
    only: tuple[str, ...],
    space: str | None,
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
    ranges = _ranges(only, space)
    manifest, unreadable = _split(dataset, protocol, binary, options["seed"], data_dir, model, ranges, options)
    from braintumor_tf.training import run_search as make_search

    name = "_".join(["search", model, Path(dataset).stem, protocol, str(options["seed"])]).replace("/", "-")
    folder = Path(out or Path("models") / name)
    found = make_search(manifest, model, out=folder, space=ranges, **options)
    report = None
    if train_best:
        config = {"dataset": dataset, "protocol": protocol, "unreadable": unreadable, "search": str(folder)}
        report = _train_best(found, manifest, folder / "best", config)
    if as_json:
        from braintumor_tf.files import to_json

        summary = json.loads((folder / "search.json").read_text(encoding="utf-8"))
        click.echo(to_json({**summary, "preset": found.preset.to_dict(), "out": folder, "report": report}))
        return
    _say(found, folder)
    if report is not None:
        click.echo(f"report: {report.resolve()}")


def _ranges(only: tuple[str, ...], space: str | None) -> dict[str, Any] | list[str] | None:
    if only and space:
        raise click.UsageError("give --only or --space, not both")
    if space is None:
        return list(only) or None
    from braintumor_tf.training import SearchError

    try:
        ranges = json.loads(Path(space).read_text(encoding="utf-8"))
    except ValueError as error:
        raise SearchError(f"{space}: not JSON ({error})") from None
    if not isinstance(ranges, dict):
        raise SearchError(f"{space}: holds no table; write a range or a list of values for each parameter")
    return ranges


def _split(
    dataset: str,
    protocol: str,
    binary: bool,
    seed: int,
    data_dir: str,
    model: str,
    ranges: dict[str, Any] | list[str] | None,
    options: dict[str, Any],
) -> tuple[Any, list[dict[str, Any]]]:
    """Refuses wrong words before images are read; then loads, groups and splits."""
    from braintumor_tf.datasets import load, to_binary
    from braintumor_tf.leakage import group, split
    from braintumor_tf.models import get_spec
    from braintumor_tf.training import resolve_preset, resolve_space

    own = get_spec(model).preset_for(options["weights"])
    resolve_preset(options["preset"] or own, epochs=options["epochs"])
    resolve_space(ranges, preset=options["preset"] or own, fixed=["epochs"] if options["epochs"] else [])
    scan = load(dataset, data_dir=data_dir)
    manifest = to_binary(scan.manifest) if binary else scan.manifest
    return split(group(manifest), protocol, seed=seed), scan.unreadable.to_dict("records")


def _train_best(found: Any, manifest: Any, out: Path, config: dict[str, Any]) -> Path:
    from braintumor_tf.experiments import run_experiment
    from braintumor_tf.report import write_report

    run = run_experiment(manifest, out=out, config=config, resume=True, **found.arguments)
    return write_report(run)


def _say(found: Any, folder: Path) -> None:
    states = found.trials["state"].value_counts()
    click.echo(f"{len(found.trials)} trials: " + ", ".join(f"{count} {state}" for state, count in states.items()))
    row = found.trials.set_index("trial").loc[found.number]
    values = ", ".join(f"{name} {_short(row[name])}" for name in found.parameters)
    click.echo(f"best: trial {found.number}, {found.monitor} {found.score:.4f} (the best of many: too good), {values}")
    click.echo(f"trials: {folder / 'trials.csv'}")
    click.echo(
        f"preset: {folder / 'best.json'} (braintumor-tf train --preset {shlex.quote(str(folder / 'best.json'))} "
        f"--dropout {_short(found.dropout)} ...)"
    )


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
