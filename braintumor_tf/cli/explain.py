"""The command that shows what a trained model looks at: ``explain``."""

from __future__ import annotations

from pathlib import Path

import click

from braintumor_tf.cli._options import json_option
from braintumor_tf.cli._output import error_rows, exit_with, print_json, say_path


class _MethodOption(click.Option):
    """Names the methods of the table in its help, which is read only when help is asked for."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        from braintumor_tf.explanation.methods import METHODS

        self.help = f"{', '.join(METHODS)}; by default the model's own."
        return super().get_help_record(ctx)


@click.command()
@click.argument("run")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--method", cls=_MethodOption)
@click.option("--layer", help="For Grad-CAM, the layer whose feature map is weighed; by default the last.")
@click.option("--target", metavar="CLASS", help="The class asked about; by default the predicted one of each image.")
@click.option("--out", default="plots", show_default=True, metavar="DIR", help="Folder that receives the files.")
@click.option("--check", is_flag=True, help="Check whether explanations of RUN can be believed; renews its report.")
@json_option("Print a JSON list, or with --check one object.")
def explain(
    run: str,
    images: tuple[str, ...],
    method: str | None,
    layer: str | None,
    target: str | None,
    out: str,
    check: bool,
    as_json: bool,
) -> None:
    """Draws what the model of RUN looks at in each IMAGE. Exits with 1 if one cannot be read.

    For each image OUT receives NAME_METHOD.png, the image beside itself with the map, and NAME_METHOD_map.png,
    the raw map at the image's size as 16-bit grey (65535 is 1).

    With --check and no IMAGE: how much of the score comes from outside the head, whether maps change with the weights,
    and where lesions are known (masks of synthetic data, lesion boxes of the manifest) whether maps point at them. It
    goes into RUN's report.

    Research use only, never diagnosis. A map that looks right proves nothing.

    \b
    Example: braintumor-tf explain models/CNN_sartaj_grouped_0 slice_1.png --method grad_cam --target glioma --out plots
    Example: braintumor-tf explain models/CNN_sartaj_grouped_0 --check
    """
    if bool(images) == check:
        raise click.UsageError("give images to explain, or --check without images")
    if check:
        _check(run, as_json=as_json)
        return
    from braintumor_tf.runs import Run

    Run.of(run).refuse_unfinished()  # before more is imported
    from braintumor_tf.report.explained_images import explain_files

    found, errors = explain_files(run, images, Path(out), method=method, target=target, layer=layer)
    if as_json:
        print_json([*(one.to_dict() for one in found), *error_rows(errors)])
    else:
        for one in found:
            click.echo(f"{one.path}: {one.predicted} {one.probabilities[one.predicted]:.3f}, {one.picture}")
    exit_with(errors)


def _check(path: str, *, as_json: bool) -> None:
    """Checks the explanations of a run, renews its report, and prints what was found."""
    from braintumor_tf.runs import Run, writing_to

    run = Run.of(path)
    run.refuse_unfinished()
    with writing_to(run.path):
        from braintumor_tf.explanation import check_explanations
        from braintumor_tf.report import write_report
        from braintumor_tf.report.sections.trust import trust_sentences

        found = check_explanations(run).to_dict()
        report = write_report(run)
    if as_json:
        print_json(found)
        return
    for sentence in trust_sentences(found):
        click.echo(sentence)
    say_path("report", report)
