"""The command ``export``: a run's model for other programs, with its contract."""

from __future__ import annotations

from pathlib import Path

import click

from braintumor_tf.cli._options import json_option
from braintumor_tf.cli._output import print_json, say_path


@click.command()
@click.argument("run")
@click.option(
    "--format",
    "format",
    type=click.Choice(["onnx", "litert", "openvino", "saved_model"]),
    default="onnx",
    show_default=True,
    help="What is written.",
)
@click.option("--int8", is_flag=True, help="As 8-bit integers, scaled by training images (onnx, litert).")
@click.option(
    "--allow-changed",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    metavar="SHARE",
    help="The share of test images that 8-bit integers may answer otherwise.",
)
@click.option("--out", required=True, metavar="DIR", help="The folder to write; it must not hold anything.")
@json_option("Print contract.json to standard output.")
def export(run: str, format: str, int8: bool, allow_changed: float, out: str, as_json: bool) -> None:
    """Writes the model of RUN to DIR for programs without Keras, and proves that it answers as RUN does.

    DIR receives the model, contract.json (input, classes, calibration, scores, hashes), the gate, a README.md with ten
    lines that run the model, and a model card. predict, evaluate and compare take DIR as they take a run; an ONNX
    model is asked without TensorFlow.

    The exported model is compared with RUN on its test images. If one is answered otherwise, or more than
    --allow-changed of them by 8-bit integers, nothing is written and the command exits with 1.

    \b
    Example: braintumor-tf export models/CNN_sartaj_grouped_0 --out exported/cnn
    Example: braintumor-tf export models/CNN_sartaj_grouped_0 --int8 --out exported/cnn_int8
    """
    from braintumor_tf.runs import Run

    opened = Run.of(run)
    opened.refuse_unfinished()  # before more is imported
    from braintumor_tf.deploy import export as export_run
    from braintumor_tf.report.wording.parity import parity_sentences

    found = export_run(opened, out=out, format=format, int8=int8, allow_changed=allow_changed)
    if as_json:
        print_json(found.to_dict())
        return
    for sentence in parity_sentences(found.parity):
        click.echo(sentence)
    say_path("exported", Path(out))
