"""The command ``train``: one run, the folds of a run, or a leak ladder, from a data set to a report."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from braintumor_tf.cli._options import (
    BASELINES,
    BINARY,
    DATA_DIR,
    DEVICES,
    DROP_COPIES,
    DROPOUT,
    INDEX,
    MODEL_SETTINGS,
    NO_LINK,
    NOISE,
    SEED,
    TRAINING_SETTINGS,
    add_options,
    called,
    dataset_option,
    default_folder,
    layout_options,
    protocol_option,
    refuse_for_one,
    refuse_index_alone,
    short_name,
)
from braintumor_tf.cli._output import (
    group_and_say,
    load_dataset,
    load_datasets,
    refuse_one_class,
    refuse_taken,
    resuming_words,
    say_ladder,
    say_run,
)
from braintumor_tf.interrupts import goes_on_with

if TYPE_CHECKING:
    import pandas as pd

    from braintumor_tf.runs import Run

LEAVE_ORIGIN_OUT = "leave_one_origin_out"

SPLIT_OPTIONS = ("protocol", "folds", "origin", "external", "split_seed")
"""Options that say how images are split, which a ladder settles itself."""


@click.command()
@click.option("--model", help="CNN, PCA, MobileNetV2-0.35, EfficientNetB0, ViT-B/16 and so on.")
@dataset_option("synthetic, the name of a source, a folder or a CSV")
@layout_options
@protocol_option("grouped", "random", "official", "kfold", "external", "leave_one_origin_out")
@click.option("--folds", type=click.IntRange(2), help="How many, for the protocol kfold; 5 by default.")
@click.option(
    "--origin",
    metavar="NAME",
    help="Whose images to test on, for the protocol leave_one_origin_out; by default each origin in turn.",
)
@click.option("--external", metavar="DATASET", help="The data set to test on, for the protocol external.")
@click.option(
    "--ladder",
    is_flag=True,
    help="Train three times, split image by image, by look-alikes and by patients, to see what each leak is worth.",
)
@click.option("--seeds", type=click.IntRange(2), help="With --ladder: the mean of so many, each with its own splits.")
@BINARY
@DROP_COPIES
@NO_LINK
@INDEX
@click.option("--preset", help="Training preset, by name or as a .json file; by default the model's own.")
@add_options(*TRAINING_SETTINGS, DROPOUT, *MODEL_SETTINGS, *NOISE)
@click.option("--seed", default=0, show_default=True, type=SEED, help="Decides everything that is drawn at random.")
@click.option(
    "--split-seed", type=SEED, help="Of the split alone, so that runs of several seeds share one; by default --seed."
)
@BASELINES
@add_options(*DEVICES)
@click.option("--out", metavar="DIR", help="The run's directory; by default models/MODEL_DATASET_PROTOCOL_SEED.")
@click.option("--resume", metavar="RUN", help="Go on with a run that was interrupted, with its own settings.")
@DATA_DIR
def train(
    resume: str | None,
    ladder: bool,
    seeds: int | None,
    devices: str | None,
    job_addresses: str | None,
    num_processes: int | None,
    process_id: int | None,
    **options: Any,
) -> None:
    """Trains and scores a model, and prints the path of the report.

    \b
    Example: braintumor-tf train --model CNN --dataset data/sartaj --protocol grouped --epochs 20
    Example: braintumor-tf train --model CNN --dataset data/sartaj --protocol kfold --folds 5
    Example: braintumor-tf train --model CNN --dataset data/sartaj --noise gaussian,speckle --severity 1-5
    Example: braintumor-tf train --model MobileNetV2-0.35 --weights imagenet --dataset data/sartaj --preset lesion_aware
    Example: braintumor-tf train --model CNN --dataset data/sartaj --ladder
    Example: braintumor-tf train --model CNN --dataset data/sartaj --dataset data/masoud --drop-copies
    Example: braintumor-tf train --model CNN --dataset data/mixed --protocol leave_one_origin_out
    Example: braintumor-tf train --model CNN --dataset scans --index clinic.npz
    Example: braintumor-tf train --resume models/CNN_sartaj_grouped_0
    Example: braintumor-tf train --model EfficientNetB3 --dataset data/sartaj --weights imagenet --devices all
    """
    _check(resume, options, ladder=ladder, seeds=seeds)
    names = devices.split(",") if devices and devices != "all" else devices
    first = _join(job_addresses, num_processes, process_id)
    if names:
        from braintumor_tf.training.devices.devices import resolve_devices

        resolve_devices(names)  # before the images are read
    how = "ladder" if ladder else options["protocol"]
    given = resume or options["out"]
    out = options["out"] = Path(
        given or default_folder(options["model"], short_name(options["datasets"]), how, str(options["seed"]))
    )
    goes_on_with(lambda: None if resume else resuming_words(out, ladder=ladder))
    if ladder:
        if not resume:
            refuse_taken(out)
        from braintumor_tf.runs import writing_to

        with nullcontext() if resume and not out.is_dir() else writing_to(out):  # before images are read
            say_ladder(_climb(resume, seeds=seeds or 1, devices=names, **options))
        return
    with _held(out, resume=resume is not None) if first else nullcontext():
        if resume:
            from braintumor_tf.experiments import resume_experiment

            run = resume_experiment(resume, show_progress=first, devices=names)
        else:
            run = _start(devices=names, **options)
        if not first:
            click.echo("trained; process 0 has the run and its report")
            return
        from braintumor_tf.report import write_report

        say_run(run, write_report(run))


@contextmanager
def _held(out: Path, *, resume: bool) -> Iterator[None]:
    """Holds the directory until the report is written; refuses one that is taken before images are read."""
    from braintumor_tf.runs import Run, writing_to

    run = Run.of(out) if resume else Run(out)
    with writing_to(out):
        if not resume:
            run.refuse_if_taken()
        yield


def _check(resume: str | None, options: dict[str, Any], *, ladder: bool, seeds: int | None) -> None:
    """Refuses options that do not go together."""
    context = click.get_current_context()
    given = [name for name in options if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    given += ["seeds"] if seeds is not None else []
    if resume and given:
        words = {parameter.name: parameter.opts[0] for parameter in context.command.params}
        names = ", ".join(map(words.get, given))
        raise click.UsageError(f"--resume goes on with the run's own settings; leave out {names}")
    if not resume and not (options["model"] and options["datasets"]):
        raise click.UsageError("give --model and --dataset, or --resume RUN")
    refuse_for_one(options["datasets"], drop_copies=options["drop_copies"])
    refuse_index_alone(options["indexes"], options["no_link"])
    if options["noise_size"] is not None and options["noise"] is None:
        raise click.UsageError("--noise-size goes with --noise")
    if seeds is not None and not ladder:
        raise click.UsageError("--seeds goes with --ladder")
    split = [f"--{name.replace('_', '-')}" for name in SPLIT_OPTIONS if name in given]
    if ladder and split:
        raise click.UsageError(f"--ladder splits in its own three ways; leave out {', '.join(split)}")
    for name, protocol in (("folds", "kfold"), ("origin", LEAVE_ORIGIN_OUT)):
        if options[name] is not None and options["protocol"] != protocol:
            raise click.UsageError(f"--{name} goes with --protocol {protocol}")
    parts = options["protocol"] == "kfold" or (options["protocol"] == LEAVE_ORIGIN_OUT and options["origin"] is None)
    if options["split_seed"] is not None and parts:
        raise click.UsageError(
            f"--split-seed does not go with --protocol {options['protocol']}; give --seed, which its folds follow"
        )


def _join(job_addresses: str | None, num_processes: int | None, process_id: int | None) -> bool:
    """Joins the other processes, where there are any, and returns whether this is the first."""
    if job_addresses is None and num_processes is None and "KERAS_DISTRIBUTION_NUM_PROCESSES" not in os.environ:
        return True
    from braintumor_tf.training import join_processes
    from braintumor_tf.training.devices.devices import is_first_process

    join_processes(job_addresses, num_processes=num_processes, process_id=process_id)
    return is_first_process()


def _start(
    *,
    protocol: str,
    folds: int | None,
    origin: str | None,
    external: str | None,
    split_seed: int | None,
    **options: Any,
) -> Run:
    """Loads, groups and splits the data set, and trains."""
    (manifest, *others), how = _prepare(external=external, **options)
    named = {name: value for name, value in (("external", external), ("origin", origin)) if value}
    how["config"] |= {"protocol": protocol, "split_seed": how["seed"] if split_seed is None else split_seed, **named}
    from braintumor_tf.experiments import run_experiment, run_folds, run_origins
    from braintumor_tf.leakage import split

    if not others and "merge" not in how["config"]:  # an external set is grouped with it, merged ones are grouped
        manifest, said = group_and_say(manifest, how["config"]["dataset"])
        how["config"]["data_remarks"] += said
    if protocol == "kfold" and not others:
        return run_folds(manifest, folds=folds or 5, **how)
    if protocol == LEAVE_ORIGIN_OUT and origin is None:
        return run_origins(manifest, **how)
    outside = {"external": others[0] if others else None, "origin": origin}
    return run_experiment(split(manifest, protocol, seed=how["config"]["split_seed"], **outside), **how)


def _climb(resume: str | None, *, seeds: int, devices: str | list[str] | None, **options: Any) -> Path:
    """Trains and scores the rungs of a leak ladder, or those that are missing, and returns its directory."""
    from braintumor_tf.experiments import resume_ladder, run_ladder

    if resume:
        resume_ladder(resume, devices=devices)
        return options["out"]
    for name in SPLIT_OPTIONS:
        del options[name]
    (manifest,), how = _prepare(external=None, devices=devices, **options)
    run_ladder(manifest, seeds=seeds, **how)
    return how["out"]


def _prepare(
    *,
    model: str,
    datasets: tuple[str, ...],
    layout: dict[str, Any],
    external: str | None,
    binary: bool,
    drop_copies: bool,
    preset: str | None,
    noise: str | None,
    severity: str,
    noise_probability: float,
    noise_size: int | None,
    seed: int,
    baselines: bool,
    devices: str | list[str] | None,
    out: Path,
    data_dir: str,
    no_link: bool,
    indexes: tuple[str, ...],
    **settings: Any,
) -> tuple[list[pd.DataFrame], dict[str, Any]]:
    """Refuses unknown words before images are read; then loads the data sets, and says how to train.

    Returns:
        The manifests of the data set and of the external set, if any; and the arguments of `run_experiment`.
    """
    from braintumor_tf.augment.noise import parse_severities, training_noise
    from braintumor_tf.datasets import CLASSES, to_binary
    from braintumor_tf.experiments.settings import ExperimentSettings
    from braintumor_tf.models import get_spec
    from braintumor_tf.models.pretrained import resolve_weights
    from braintumor_tf.training.settings import parse_trains

    settings["trains"] = parse_trains(settings["trains"])
    ExperimentSettings.of(model, CLASSES, preset=preset, seed=seed, settings=settings)
    resolve_weights(get_spec(model), settings["weights"], settings["image_size"])
    severities, extent = parse_severities(severity), {"probability": noise_probability, "size": noise_size}
    added = None if noise is None else training_noise(noise.split(","), severities, **extent)
    where = {"link": not no_link, "data_dir": data_dir, "indexes": indexes, **layout}
    scans = [load_datasets(datasets, binary=binary, drop_copies=drop_copies, **where)]
    scans += [load_dataset(external, **where)] if external else []
    manifests = [to_binary(scan.manifest) if binary else scan.manifest for scan in scans]
    refuse_one_class(manifests[0], datasets)
    config = {
        "dataset": called(datasets),
        **scans[0].to_config(),
        **({"external_links": scans[1].to_config()["links"]} if external else {}),
        "unreadable": [row for scan in scans for row in scan.unreadable.to_dict("records")],
        "data_remarks": [remark for scan in scans for remark in scan.remarks],
    }
    how = {"model": model, "preset": preset, "noise": added, "baselines": baselines, "seed": seed}
    how |= {"config": config, "devices": devices, "out": out, **settings}
    return manifests, how
