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
        print_json([*found, *error_rows(errors)])
    else:
        for one in found:
            click.echo(_line(one))
    exit_with(errors)


def _prediction(row: Mapping[str, Any]) -> dict[str, Any]:
    """One row of predictions as nested JSON; an answer only where one was asked for."""
    found = {"path": row["path"], "predicted": row["predicted"], "probabilities": _columns(row, "p_")}
    if "answer" in row:
        found |= {"answer": row["answer"], "set": list(row["set"])}
        found["calibrated_probabilities"] = _columns(row, "calibrated_")
    return found


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
