"""The commands that train a model and ask a trained one: ``train``, ``evaluate``, ``predict``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

DATA_DIR = click.option("--data-dir", default="data", show_default=True, help="Where data sets are kept.")
CROP = click.option(
    "--crop", type=click.Choice(["head"]), help="Cut images down to the head, in training and ever after."
)
VIEWS = click.option(
    "--views",
    type=click.IntRange(1),
    help="Poses of each image to average over; by default 1, or those that an ensemble was kept with.",
)


@click.command()
@click.option("--model", help="CNN, PCA, MobileNetV2-0.35, EfficientNetB0, ViT-B/16 and so on.")
@click.option("--dataset", help="synthetic, the name of a source, a folder or a CSV.")
@click.option(
    "--protocol",
    default="grouped",
    show_default=True,
    type=click.Choice(["grouped", "random", "official", "kfold", "external"]),
    help="How images are split.",
)
@click.option("--folds", type=click.IntRange(2), help="How many, for the protocol kfold; 5 by default.")
@click.option("--external", metavar="DATASET", help="The data set to test on, for the protocol external.")
@click.option("--binary", is_flag=True, help="Tumour or not, whatever the type.")
@click.option("--preset", help="Training preset, by name or as a .json file; by default the model's own.")
@click.option("--dropout", default=0.5, show_default=True, help="Share of features dropped before the classification.")
@click.option(
    "--noise",
    metavar="NAMES",
    help="Noise for the training images: gaussian, salt_and_pepper, speckle and so on; of "
    "several, such as gaussian,speckle, each image gets one.",
)
@click.option(
    "--severity",
    default="1",
    show_default=True,
    help="How strong the noise is, 1 to 5; a range such as 1-5 is drawn from for each image.",
)
@click.option(
    "--noise-probability",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="The share of the training images that get noise in an epoch.",
)
@click.option(
    "--noise-size",
    type=click.IntRange(1),
    help="Side of the training images when noise is added to them, such as the 224 at which "
    "robustness tests; by default that of the model.",
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs of the preset's last stage.")
@click.option("--trains", help="What the last stage trains: all, head, a number of blocks or a share such as 0.75.")
@click.option("--image-size", type=click.IntRange(1), help="Side in pixels; by default the model's own.")
@CROP
@click.option("--weights", default="random", show_default=True, help="random, imagenet or a file.")
@click.option("--seed", default=0, show_default=True, help="Decides everything that is drawn at random.")
@click.option(
    "--split-seed", type=int, help="Of the split alone, so that runs of several seeds share one; by default --seed."
)
@click.option("--baselines/--no-baselines", default=True, show_default=True, help="Score the dumb baselines beside.")
@click.option("--precision", help="auto (by default), float32, mixed_float16 or mixed_bfloat16.")
@click.option("--devices", metavar="NAMES", help="Train on several: all, or names such as gpu:0,gpu:1.")
@click.option("--job-addresses", metavar="HOST:PORT", help="Of process 0, where several processes train together.")
@click.option("--num-processes", type=click.IntRange(1), help="How many processes train together (JAX backend).")
@click.option("--process-id", type=click.IntRange(0), help="Which of them this is, from 0.")
@click.option("--out", metavar="DIR", help="The run's directory; by default models/MODEL_DATASET_PROTOCOL_SEED.")
@click.option("--resume", metavar="RUN", help="Go on with a run that was interrupted, with its own settings.")
@DATA_DIR
def train(
    resume: str | None,
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
    Example: braintumor-tf train --resume models/CNN_sartaj_grouped_0
    Example: braintumor-tf train --model EfficientNetB3 --dataset data/sartaj --weights imagenet --devices all
    """
    _check_train(resume, options)
    names = devices.split(",") if devices and devices != "all" else devices
    first = _join(job_addresses, num_processes, process_id)
    if names:
        from braintumor_tf.training.devices.devices import resolve_devices

        resolve_devices(names)  # before the images are read
    from braintumor_tf.experiments import resume_experiment
    from braintumor_tf.report import write_report

    run = resume_experiment(resume, show_progress=first, devices=names) if resume else _start(devices=names, **options)
    if not first:
        click.echo("trained; process 0 has the run and its report")
        return
    report = write_report(run)
    _say_overlap(run.manifest, run.config.get("external"))
    _say_scores(run.metrics, run.predictions, run.manifest, run.config)
    click.echo(f"report: {report.resolve()}")


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--dataset", help="Another data set to score on; by default the run's own test images.")
@VIEWS
@click.option(
    "--noise",
    metavar="NAMES",
    help="Score RUN under noise instead: all, or names such as gaussian,rician; kept in the run and its report.",
)
@click.option("--severity", default="1-5", show_default=True, help="How strong the noise is; a number or a range.")
@click.option("--out", metavar="DIR", help="Keep the ensemble, or the views of one run, as a run with a report.")
@click.option("--baselines/--no-baselines", default=True, show_default=True, help="Score the dumb baselines beside.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as one JSON object.")
@DATA_DIR
def evaluate(
    runs: tuple[str, ...],
    dataset: str | None,
    views: int | None,
    noise: str | None,
    severity: str,
    out: str | None,
    baselines: bool,
    as_json: bool,
    data_dir: str,
) -> None:
    """Predicts and scores once more with the model of RUN, on its test images or on another data set.

    Several runs on the same split are scored as one ensemble, weighted by what they said of the validation images.
    Each image of a k-fold run is predicted by the fold that had not seen it, another data set by all folds.
    Images of another data set that have a near-duplicate among the training or validation images are left out.
    With --noise the test images are scored clean and under noise; the same noise for every run.

    \b
    Example: braintumor-tf evaluate models/CNN_sartaj_grouped_0 --dataset data/navoneel
    Example: braintumor-tf evaluate models/CNN_sartaj_grouped_0 --noise all
    Example: braintumor-tf evaluate models/CNN_sartaj_grouped_0 --views 4
    Example: braintumor-tf evaluate models/CNN_sartaj_grouped_0 models/PCA_sartaj_grouped_0 --views 4 --out models/pair
    """
    if noise is not None:
        if len(runs) > 1 or dataset is not None or views is not None or out:
            raise click.UsageError("--noise scores one RUN on its own test images; leave out --dataset, --views, --out")
        from braintumor_tf.cli.robustness import evaluate_under_noise

        evaluate_under_noise(runs[0], noise, severity, as_json)
        return
    if out and (dataset is not None or (len(runs) == 1 and views in (None, 1))):
        raise click.UsageError("--out keeps an ensemble: give two or more runs, or one with --views, and no --dataset")
    from braintumor_tf.runs import Run

    opened = [Run.of(run) for run in runs]
    from braintumor_tf.datasets import load
    from braintumor_tf.experiments import evaluate_runs, run_ensemble

    if out:
        _say_kept(run_ensemble(opened, out, baselines=baselines, views=views or 1), as_json)
        return
    external = None if dataset is None else load(dataset, data_dir=data_dir).manifest
    found = evaluate_runs(opened, external, baselines=baselines, views=views)
    if as_json:
        which = {"run": runs[0]} if len(runs) == 1 else {"runs": runs, "weights": found.weights}
        _print_json({**which, "dataset": dataset, "views": found.views, **found.metrics})
        return
    if len(runs) > 1:
        shares = ", ".join(f"{run.name} {weight:.2f}" for run, weight in zip(opened, found.weights))
        click.echo(f"Weights by validation: {shares}.")
    _say_overlap(found.manifest, dataset)
    config = {**opened[0].config, **({} if dataset is None else {"protocol": "external", "dataset": dataset})}
    _say_scores(found.metrics, found.predictions, found.manifest, config)


@click.command()
@click.argument("run")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@VIEWS
@click.option("--abstain", is_flag=True, help='Answer "unknown" unless exactly one class is plausible.')
@click.option(
    "--coverage",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="How often the plausible classes must hold the true one, such as 0.95; goes with --abstain.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def predict(
    run: str, images: tuple[str, ...], views: int | None, abstain: bool, coverage: float | None, as_json: bool
) -> None:
    """Names the class of each IMAGE and the probability of every class. Exits with 1 if one cannot be read.

    A k-fold run answers with the mean of its folds, an ensemble with that of its members.

    With --abstain or --coverage the answer is a class only where the set of plausible classes, made from the run's
    validation images, holds exactly one; the set and the calibrated probabilities are shown.

    Research use only, never diagnosis.

    \b
    Example: braintumor-tf predict models/CNN_sartaj_grouped_0 slice_1.png slice_2.jpg
    Example: braintumor-tf predict models/CNN_sartaj_grouped_0 slice_1.png --coverage 0.95
    """
    from braintumor_tf.experiments import predict_files

    table, errors = predict_files(run, images, views=views, abstain=abstain, coverage=coverage)
    found = [_prediction(row) for row in table.to_dict("records")]
    if as_json:
        _print_json([*found, *({"path": error.path, "error": error.reason} for error in errors)])
    else:
        for row in found:
            _say_prediction(row)
    for error in errors:
        click.echo(f"braintumor-tf: {error}", err=True)
    if errors:
        raise SystemExit(1)


def _prediction(row: dict[str, Any]) -> dict[str, Any]:
    """One row of predictions as nested JSON; an answer only where one was asked for."""
    found = {
        "path": row["path"],
        "predicted": row["predicted"],
        "probabilities": {name[2:]: value for name, value in row.items() if name.startswith("p_")},
    }
    if "answer" in row:
        calibrated = {
            name.removeprefix("calibrated_"): value for name, value in row.items() if name.startswith("calibrated_")
        }
        found |= {"answer": row["answer"], "set": list(row["set"])}
        found["calibrated_probabilities"] = calibrated
    return found


def _say_prediction(found: dict[str, Any]) -> None:
    probabilities = found.get("calibrated_probabilities", found["probabilities"])
    shares = ", ".join(f"{name} {value:.3f}" for name, value in probabilities.items())
    if "answer" not in found:
        click.echo(f"{found['path']}: {found['predicted']} ({shares})")
        return
    plausible = " or ".join(found["set"]) or "none of the classes"
    note = "" if found["set"] == [found["answer"]] else f", plausible: {plausible}"
    click.echo(f"{found['path']}: {found['answer']}{note} (calibrated: {shares})")


def _join(job_addresses: str | None, num_processes: int | None, process_id: int | None) -> bool:
    """Joins the other processes, where there are any, and returns whether this is the first."""
    if job_addresses is None and num_processes is None and "KERAS_DISTRIBUTION_NUM_PROCESSES" not in os.environ:
        return True
    from braintumor_tf.training import join_processes
    from braintumor_tf.training.devices.devices import is_first_process

    join_processes(job_addresses, num_processes=num_processes, process_id=process_id)
    return is_first_process()


def _check_train(resume: str | None, options: dict[str, Any]) -> None:
    context = click.get_current_context()
    given = [name for name in options if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if resume and given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise click.UsageError(f"--resume goes on with the run's own settings; leave out {names}")
    if not resume and not (options["model"] and options["dataset"]):
        raise click.UsageError("give --model and --dataset, or --resume RUN")
    if options["noise_size"] is not None and options["noise"] is None:
        raise click.UsageError("--noise-size goes with --noise")
    if options["folds"] is not None and options["protocol"] != "kfold":
        raise click.UsageError("--folds goes with --protocol kfold")
    if options["split_seed"] is not None and options["protocol"] == "kfold":
        raise click.UsageError("--split-seed does not go with --protocol kfold; give --seed, which its folds follow")


def _start(
    model: str,
    dataset: str,
    protocol: str,
    folds: int | None,
    external: str | None,
    binary: bool,
    noise: str | None,
    severity: str,
    noise_probability: float,
    noise_size: int | None,
    split_seed: int | None,
    out: str | None,
    data_dir: str,
    **options: Any,
) -> Any:
    """Loads, groups and splits the data set, and runs the experiment."""
    from braintumor_tf.augment.noise import parse_severities, training_noise
    from braintumor_tf.datasets import load, to_binary
    from braintumor_tf.leakage import group, split
    from braintumor_tf.models import get_spec
    from braintumor_tf.training import resolve_preset
    from braintumor_tf.training.settings import parse_trains

    spec = get_spec(model)
    options["trains"] = parse_trains(options["trains"])
    split_seed = options["seed"] if split_seed is None else split_seed
    resolve_preset(
        options["preset"] or spec.preset_for(options["weights"]),
        epochs=options["epochs"],
        precision=options["precision"],
        trains=options["trains"],
    )
    severities = parse_severities(severity)
    model_of_noise = None
    if noise is not None:
        model_of_noise = training_noise(noise.split(","), severities, probability=noise_probability, size=noise_size)
    scans = [load(name, data_dir=data_dir) for name in (dataset, external) if name is not None]
    manifest, *others = [to_binary(scan.manifest) if binary else scan.manifest for scan in scans]
    name = "_".join([model, Path(dataset).stem, protocol, str(options["seed"])]).replace("/", "-")
    out = out or Path("models") / name
    config = {
        "dataset": dataset,
        "protocol": protocol,
        "split_seed": split_seed,
        **({"external": external} if external else {}),
        "unreadable": [row for scan in scans for row in scan.unreadable.to_dict("records")],
    }
    from braintumor_tf.experiments import run_experiment, run_folds

    if protocol == "kfold" and not others:
        return run_folds(group(manifest), model, out, folds or 5, noise=model_of_noise, config=config, **options)
    manifest = split(
        manifest if others else group(manifest), protocol, seed=split_seed, external=others[0] if others else None
    )
    return run_experiment(manifest, model, out, noise=model_of_noise, config=config, **options)


def _say_kept(run: Any, as_json: bool) -> None:
    """Says what an ensemble that was kept comes to, and where."""
    from braintumor_tf.report import write_report

    report = write_report(run)
    if as_json:
        _print_json({"run": run.path, **run.metrics})
        return
    _say_overlap(run.manifest, run.config.get("external"))
    _say_scores(run.metrics, run.predictions, run.manifest, run.config)
    click.echo(f"report: {report.resolve()}")


def _say_overlap(manifest: Any, external: str | None) -> None:
    """Says how many images of another data set were left out, where one was scored."""
    if external is not None:
        overlap = int((manifest["split"] == "overlap").sum())
        click.echo(f"{overlap} images of {external} have a near-duplicate in training or validation and are left out.")


def _say_scores(metrics: Any, predictions: Any, manifest: Any, config: Any) -> None:
    from braintumor_tf.report.sections.verdict import run_verdict

    verdict = run_verdict(metrics, predictions, manifest, config)
    for sentence in verdict.sentences:
        click.echo(sentence)
    for warning in verdict.warnings:
        click.echo(f"Caution: {warning}")


def _print_json(value: Any) -> None:
    from braintumor_tf.files import to_json

    click.echo(to_json(value))
