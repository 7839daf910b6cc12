"""The command ``predict``: the class of single image files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from braintumor_tf.cli._options import VIEWS, json_option
from braintumor_tf.cli._output import error_rows, exit_with, print_json


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
@json_option("Print a JSON list.")
def predict(
    run: str, images: tuple[str, ...], views: int | None, abstain: bool, coverage: float | None, as_json: bool
) -> None:
    """Names the class of each IMAGE and the probability of every class. Exits with 1 if one cannot be read.

    A k-fold run answers with the mean of its folds, an ensemble with that of its members.

    The probabilities are the model's own, without a temperature, as they were scored. The last line says so.

    With --abstain or --coverage the answer is a class only where the set of plausible classes, made from the run's
    validation images, holds exactly one; the set is shown, and the probabilities with the run's temperature. The last
    line says its value, and whether it made calibration worse on the run's test images. --json has both kinds.

    Research use only, never diagnosis.

    \b
    Example: braintumor-tf predict models/CNN_sartaj_grouped_0 slice_1.png slice_2.jpg
    Example: braintumor-tf predict models/CNN_sartaj_grouped_0 slice_1.png --coverage 0.95
    """
    from braintumor_tf.runs import Run

    Run.of(run).refuse_unfinished()  # before more is imported
    from braintumor_tf.experiments import predict_files

    table, errors = predict_files(run, images, views=views, abstain=abstain, coverage=coverage)
    found = [_prediction(row) for row in table.to_dict("records")]
    if as_json:
        print_json([*found, *error_rows(errors)])
    else:
        for one in found:
            click.echo(_line(one))
        if found:
            click.echo(_which(found[0]))
    exit_with(errors)


def _prediction(row: Mapping[str, Any]) -> dict[str, Any]:
    """One row of predictions as nested JSON; an answer only where one was asked for."""
    found = {"path": row["path"], "predicted": row["predicted"], "probabilities": _columns(row, "p_")}
    if "answer" in row:
        found |= {"answer": row["answer"], "set": list(row["set"])}
        found["calibrated_probabilities"] = _columns(row, "calibrated_")
        found |= {name: row[name] for name in ("temperature", "temperature_on_test", "larger_errors")}
    return found


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


def _line(found: Mapping[str, Any]) -> str:
    """One prediction as a line of text."""
    probabilities = found.get("calibrated_probabilities", found["probabilities"])
    shares = ", ".join(f"{name} {value:.3f}" for name, value in probabilities.items())
    if "answer" not in found:
        return f"{found['path']}: {found['predicted']} ({shares})"
    plausible = " or ".join(found["set"]) or "none of the classes"
    note = "" if found["set"] == [found["answer"]] else f", plausible: {plausible}"
    return f"{found['path']}: {found['answer']}{note} (calibrated: {shares})"
