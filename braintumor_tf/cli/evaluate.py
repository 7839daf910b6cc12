"""The command ``evaluate``: finished runs scored once more, under noise, or kept as an ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from braintumor_tf.cli._options import (
    BASELINES,
    DATA_DIR,
    NO_LINK,
    VIEWS,
    called,
    dataset_option,
    json_option,
    layout_options,
)
from braintumor_tf.cli._output import load_datasets, print_json, say_overlap, say_path, say_run, say_scores

if TYPE_CHECKING:
    from braintumor_tf.runs import Run


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@dataset_option("Another data set to score on; by default the run's own test images")
@layout_options
@VIEWS
@click.option(
    "--noise",
    metavar="NAMES",
    help="Score RUN under noise instead: all, or names such as gaussian,rician; kept in the run and its report.",
)
@click.option("--severity", default="1-5", show_default=True, help="How strong the noise is; a number or a range.")
@click.option("--out", metavar="DIR", help="Keep the ensemble, or the views of one run, as a run with a report.")
@BASELINES
@NO_LINK
@json_option("Print the scores as one JSON object.")
@DATA_DIR
def evaluate(
    runs: tuple[str, ...],
    datasets: tuple[str, ...],
    layout: dict[str, Any],
    views: int | None,
    noise: str | None,
    severity: str,
    out: str | None,
    baselines: bool,
    no_link: bool,
    as_json: bool,
    data_dir: str,
) -> None:
    """Predicts and scores once more with the model of RUN, on its test images or on another data set.

    Several runs on the same split are scored as one ensemble, weighted by what they said of the validation images.
    Each image of a k-fold run is predicted by the fold that had not seen it, another data set by all folds.
    Images of another data set that have a near-duplicate or their patient among the training or validation images are
    left out; a run that was trained with --no-link is scored without looking for patients too.
    With --noise the test images are scored clean and under noise; the same noise for every run.

    \b
    Example: braintumor-tf evaluate models/CNN_sartaj_grouped_0 --dataset data/navoneel
    Example: braintumor-tf evaluate models/CNN_sartaj_grouped_0 --noise all
    Example: braintumor-tf evaluate models/CNN_sartaj_grouped_0 --views 4
    Example: braintumor-tf evaluate models/CNN_sartaj_grouped_0 models/PCA_sartaj_grouped_0 --views 4 --out models/pair
    """
    if noise is not None:
        if len(runs) > 1 or datasets or views is not None or out:
            raise click.UsageError("--noise scores one RUN on its own test images; leave out --dataset, --views, --out")
        evaluate_under_noise(runs[0], noise, severity, as_json=as_json)
    elif out:
        if datasets or (len(runs) == 1 and views in (None, 1)):
            raise click.UsageError(
                "--out keeps an ensemble: give two or more runs, or one with --views, and no --dataset"
            )
        keep_ensemble(runs, out, views=views or 1, baselines=baselines, as_json=as_json)
    else:
        how = {"views": views, "baselines": baselines, "as_json": as_json}
        reading = {
            "link": not no_link,
            "data_dir": data_dir,
            **layout,
        }
        evaluate_again(runs, datasets, **how, **reading)


def evaluate_under_noise(path: str, noise: str, severity: str, *, as_json: bool) -> None:
    """Scores a run clean and under noise, writes ``robustness.json`` and the report, and prints what was found.

    Args:
        path: the run's directory.
        noise: ``all``, or names divided by commas.
        severity: a number from 1 to 5, or a range.
        as_json: whether to print ``robustness.json`` rather than a table.
    """
    from braintumor_tf.runs import Run, writing_to

    run = Run.of(path)
    run.refuse_unfinished()
    with writing_to(run.path):
        from braintumor_tf.augment.noise import parse_severities
        from braintumor_tf.evaluation import score_robustness
        from braintumor_tf.report import write_report
        from braintumor_tf.report.sections.robustness import robustness_sentences
        from braintumor_tf.report.wording.numbers import number

        names = None if noise == "all" else noise.split(",")
        found = score_robustness(run, noises=names, severities=parse_severities(severity))
        report = write_report(run)
    if as_json:
        print_json({"run": run.path, **found.to_dict()})
        return
    scores = found.table[found.table["metric"] == "macro_f1"]
    grid = scores.pivot(index="noise", columns="severity", values="value").reindex(scores["noise"].unique())
    click.echo("macro-F1 by severity")
    click.echo(
        grid.map(lambda value: "" if value != value else number(value)).to_string(header=True, index_names=False)
    )
    for sentence in robustness_sentences(run.robustness, run.config):
        click.echo(sentence)
    say_path("report", report)


def keep_ensemble(paths: Sequence[str], out: str, *, views: int, baselines: bool, as_json: bool) -> None:
    """Makes a run of an ensemble, writes its report, and prints what its scores come to.

    Args:
        paths: the directories of its members.
        out: its own directory.
        views: how many views of each image every member is shown.
        baselines: whether to score the shortcut baselines too.
        as_json: whether to print ``metrics.json`` rather than sentences.
    """
    from braintumor_tf.runs import Run, writing_to

    members = _finished(paths)
    with writing_to(out):
        Run(out).refuse_if_taken()
        from braintumor_tf.experiments import run_ensemble
        from braintumor_tf.report import write_report

        run = run_ensemble(members, out, baselines=baselines, views=views)
        report = write_report(run)
    if as_json:
        print_json({"run": run.path, **run.metrics})
    else:
        say_run(run, report)


def evaluate_again(
    paths: Sequence[str],
    datasets: Sequence[str],
    *,
    views: int | None,
    baselines: bool,
    as_json: bool,
    link: bool,
    **reading: Any,
) -> None:
    """Scores a run, or several as one ensemble, and prints the scores; nothing is written.

    Args:
        paths: the directories of the runs.
        datasets: another data set to score on, or several as one; none for the runs' own test images.
        views: how many views of each image the models are shown; None for as they were kept.
        baselines: whether to score the shortcut baselines too.
        as_json: whether to print the scores as JSON rather than sentences.
        link: whether to look for the other data set's patients, where the runs were trained with theirs.
        reading: how the other data set is found and read, as `load_dataset` takes it.
    """
    runs = _finished(paths)
    from braintumor_tf.datasets import BINARY_CLASSES
    from braintumor_tf.experiments import evaluate_runs

    link = link and all(run.config.get("links", {}) is not None for run in runs)
    binary = all(set(run.config["classes"]) == set(BINARY_CLASSES) for run in runs)
    dataset = called(datasets) if datasets else None
    external = load_datasets(datasets, binary=binary, link=link, **reading).manifest if datasets else None
    found = evaluate_runs(runs, external, baselines=baselines, views=views)
    if as_json:
        which = {"run": paths[0]} if len(paths) == 1 else {"runs": paths, "weights": found.weights}
        print_json({**which, "dataset": dataset, **found.to_dict()})
        return
    if len(runs) > 1:
        shares = ", ".join(f"{run.name} {weight:.2f}" for run, weight in zip(runs, found.weights))
        click.echo(f"Weights by validation: {shares}.")
    say_overlap(found.manifest, None if any(run.imported for run in runs) else " and ".join(datasets))
    config = {**runs[0].config, **({} if dataset is None else {"protocol": "external", "dataset": dataset})}
    say_scores(found.metrics, found.predictions, found.manifest, config)


def _finished(paths: Sequence[str]) -> list[Run]:
    """Opens runs; one that is missing or not finished is refused before more is imported."""
    from braintumor_tf.runs import Run

    runs = [Run.of(path) for path in paths]
    for run in runs:
        run.refuse_unfinished()
    return runs
