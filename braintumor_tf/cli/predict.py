"""The command ``predict``: the class of image files, one row each."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from braintumor_tf.cli._options import PLANE, VIEWS, json_option, volume_slices
from braintumor_tf.cli._output import print_json
from braintumor_tf.errors import BrainTumorError

if TYPE_CHECKING:
    import pandas as pd

_LISTS = ("set", "larger_errors", "gate", "top_slices")


@click.command()
@click.argument("run")
@click.argument("images", nargs=-1, required=True, metavar="PATH...")
@VIEWS
@click.option("--abstain", is_flag=True, help='Answer "unknown" unless exactly one class is plausible.')
@click.option(
    "--coverage",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="How often the plausible classes must hold the true one, such as 0.95; goes with --abstain.",
)
@click.option("--gate", is_flag=True, help="Give no answer on pictures unlike the training images.")
@click.option("--csv", "table", type=click.Path(dir_okay=False), help="Write one row a file to this CSV as well.")
@click.option(
    "--batch-size", type=click.IntRange(1), default=64, show_default=True, help="Images that are predicted at once."
)
@volume_slices("all")
@PLANE
@click.option("--each-slice", is_flag=True, help="Answer for each slice of a volume too, before the volume itself.")
@json_option("Print a JSON list.")
def predict(
    run: str,
    images: tuple[str, ...],
    views: int | None,
    abstain: bool,
    coverage: float | None,
    gate: bool,
    table: str | None,
    batch_size: int,
    slices: str,
    plane: str,
    each_slice: bool,
    as_json: bool,
) -> None:
    """Names the class of each image and the probability of every class. Exits with 1 if one cannot be read.

    PATH is a file, a folder (every image below it) or a quoted pattern such as 'scans/*.png'. Thousands of files take
    no more memory than a few.

    A volume (NIfTI, MGH) gets one answer: the mean over its slices that show the head, and the slices that speak most
    for it. With --gate the slices that are refused do not count.

    A k-fold run answers with the mean of its folds, an ensemble with that of its members.

    A picture that is unlike the training images, such as a photograph or an inverted slice, is answered with a
    caution; with --gate it is not answered. So is said of a picture that was in training or validation.

    The probabilities are the model's own, without a temperature, as they were scored. The last line says so.

    With --abstain or --coverage the answer is a class only where the set of plausible classes, made from the run's
    validation images, holds exactly one; the set is shown, and the probabilities with the run's temperature. The last
    line says its value, and whether it made calibration worse on the run's test images. --json has both kinds.

    Research use only, never diagnosis.

    \b
    Example: braintumor-tf predict models/CNN_sartaj_grouped_0 slice_1.png slice_2.jpg
    Example: braintumor-tf predict models/CNN_sartaj_grouped_0 scans --gate --csv answers.csv
    Example: braintumor-tf predict models/CNN_sartaj_grouped_0 slice_1.png --coverage 0.95
    Example: braintumor-tf predict models/CNN_sartaj_grouped_0 brain.nii.gz --plane coronal --each-slice
    """
    from braintumor_tf.runs import Run

    Run.of(run).refuse_unfinished()  # before more is imported
    from braintumor_tf.experiments import image_paths
    from braintumor_tf.experiments.predicting import answer_files, slices_of
    from braintumor_tf.progress import progress_bar

    files, volumes = slices_of(image_paths(images), slices, plane)
    how = {"volumes": volumes, "each_slice": each_slice}
    how |= {"views": views, "abstain": abstain, "coverage": coverage, "refuse": gate, "batch_size": batch_size}
    tables = progress_bar(answer_files(run, files, **how), "Predicting", total=-(-len(files) // batch_size))
    found, unreadable, last = [], 0, ""
    for one in _kept(tables, table) if table else tables:
        unreadable += int((one["error"] != "").sum())
        for row in one.to_dict("records"):
            if row["error"]:
                click.echo(f"braintumor-tf: {row['path']}: {row['error']}", err=True)
            if as_json:
                found.append(_prediction(row))
            elif not row["error"]:
                _say(row)
                last = last or (_which(row) if row["predicted"] else "")
    if as_json:
        print_json(found)
    elif last:
        click.echo(last)
    if unreadable:
        raise SystemExit(1)


def _kept(tables: Iterable[pd.DataFrame], path: str) -> Iterator[pd.DataFrame]:
    """Hands on tables and writes their rows as they come; the file has its name when all are written.

    An interruption leaves the finished rows in ``PATH.part``.
    """
    part = Path(f"{path}.part")
    rows = 0
    try:
        with part.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            for one in tables:
                flat = one.assign(
                    **{name: one[name].map(lambda each: " ".join([*(each or ())])) for name in _LISTS if name in one}
                )
                flat.to_csv(file, index=False, header=rows == 0, quoting=csv.QUOTE_MINIMAL)
                file.flush()
                rows += len(one)
                yield one
        part.replace(path)
    except OSError as error:
        raise BrainTumorError(f"{error.filename or path}: cannot be written ({error.strerror or error})") from error
    except KeyboardInterrupt:
        click.echo(f"{part}: holds the {rows} rows that were finished", err=True)
        raise


def _prediction(row: Mapping[str, Any]) -> dict[str, Any]:
    """One row of predictions as nested JSON; an answer only where one was asked for."""
    if row["error"]:
        return {"path": row["path"], "error": row["error"]}
    found = {"path": row["path"], "predicted": row["predicted"] or None, "probabilities": _columns(row, "p_")}
    if "answer" in row:
        answered = bool(row["predicted"])
        found |= {"answer": row["answer"] or None, "set": list(row["set"]) if answered else None}
        found["calibrated_probabilities"] = _columns(row, "calibrated_")
        if answered:
            found |= {name: row[name] for name in ("temperature", "temperature_on_test", "larger_errors")}
    found["gate"] = None if row["gate"] is None else list(row["gate"])
    found["training_image"] = row["training_image"] or None
    return found | ({"slices": row["slices"], "top_slices": list(row["top_slices"])} if row["top_slices"] else {})


def _which(found: Mapping[str, Any]) -> str:
    """Says which probabilities the lines above have, and what their temperature did on test images."""
    if "temperature" not in found:
        return "Probabilities: the model's own, without a temperature, as they were scored."
    from braintumor_tf.report.sections.calibration import error_names

    outcome, larger = found["temperature_on_test"], found["larger_errors"]
    text = f"Probabilities: with the temperature {found['temperature']:.2f}"
    if outcome is None:
        return f"{text}, which was not measured on test images; --json has the model's own, too."
    names = error_names(larger) if larger else ""
    what = {
        "worse": f"it made calibration worse ({names})",
        "better": f"calibration is better with it{f', but {names} larger' if larger else ''}",
    }.get(outcome, f"calibration is {outcome} from that without it{f', {names} larger' if larger else ''}")
    return f"{text}. On the run's test images {what}; --json has the model's own, which were scored."


def _columns(row: Mapping[str, Any], prefix: str) -> dict[str, float]:
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}


def _say(row: Mapping[str, Any]) -> None:
    """Prints one answer to standard output, and cautions to standard error."""
    path = row["path"]
    if not row["predicted"]:
        click.echo(f"{path}: not answered, {'; '.join(row['gate'])}")
        return
    click.echo(_line(row))
    if row["gate"]:
        click.echo(f"{path}: caution, unlike the training images: {'; '.join(row['gate'])}", err=True)
    if row["training_image"]:
        click.echo(f"{path}: caution, this picture was in training or validation ({row['training_image']})", err=True)


def _line(row: Mapping[str, Any]) -> str:
    """One prediction as a line of text."""
    calibrated = "answer" in row
    shares = ", ".join(
        f"{name} {value:.3f}" for name, value in _columns(row, "calibrated_" if calibrated else "p_").items()
    )
    if not calibrated:
        mean = f"; mean of {row['slices']} slices, most for it: " if row["top_slices"] else ""
        return f"{row['path']}: {row['predicted']} ({shares}{mean}{', '.join(map(_number, row['top_slices']))})"
    plausible = " or ".join(row["set"]) or "none of the classes"
    note = "" if list(row["set"]) == [row["answer"]] else f", plausible: {plausible}"
    return f"{row['path']}: {row['answer']}{note} (calibrated: {shares})"


def _number(path: str) -> str:
    """The number of a slice, as its path ends."""
    return f"#{path.rpartition('#')[2]}"
