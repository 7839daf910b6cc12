"""The command ``braintumor-tf``: thin, every command calls one function of the package."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import click

from braintumor_tf._version import __version__
from braintumor_tf.cli._options import WORDS
from braintumor_tf.cli.audit import audit
from braintumor_tf.cli.compare import compare
from braintumor_tf.cli.datasets.group import datasets
from braintumor_tf.cli.doctor import doctor
from braintumor_tf.cli.evaluate import evaluate
from braintumor_tf.cli.explain import explain
from braintumor_tf.cli.export import export
from braintumor_tf.cli.models.from_file import import_model
from braintumor_tf.cli.models.listing import models
from braintumor_tf.cli.notebooks.listing import notebooks
from braintumor_tf.cli.notebooks.run import run
from braintumor_tf.cli.predict import predict
from braintumor_tf.cli.search import search
from braintumor_tf.cli.train import train
from braintumor_tf.errors import BrainTumorError, BrainTumorWarning
from braintumor_tf.interrupts import EXIT_CODE, interruptible


@contextlib.contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Prints the package's warnings like its errors, without the place in the code that they come from."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, BrainTumorWarning):
                click.echo(f"braintumor-tf: {message}", err=True)
            else:
                usual(message, category, *place, **more)

        warnings.showwarning = show
        yield


class _Group(click.Group):
    """Prints the package's errors, a full disk and the like as one line, and exits with 1; with 130 after Ctrl-C."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[WORDS] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")  # a file name may be no text
        with interruptible(ctx.meta[WORDS]) as watch:
            try:
                with _warnings_in_one_line():
                    return super().invoke(ctx)
            except KeyboardInterrupt:
                pass
            except Exception as error:
                if not watch.seen:  # else a library has made this of the interruption
                    self._say(error)
                    ctx.exit(1)
            if watch.seen:
                watch.end()  # all blocks are left; what the interpreter would still wait for is of no use
            watch.say()
            ctx.exit(EXIT_CODE)

    def _say(self, error: Exception) -> None:
        """Prints an error as one line; one that nobody meant to be shown is raised."""
        if isinstance(error, BrainTumorError):
            click.echo(f"braintumor-tf: {error}", err=True)
        elif isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            where = f"{error.filename}: " if error.filename else ""
            click.echo(f"braintumor-tf: {where}{error.strerror or error}", err=True)
        else:
            raise error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="braintumor-tf")
@click.option("--verbose", is_flag=True, help="Show what TensorFlow itself logs.")
def main(verbose: bool) -> None:
    """Honest classification of brain MRI slices. Research use only, never diagnosis.

    \b
    Start with
      braintumor-tf audit FOLDER       can a score on this folder be believed?
      braintumor-tf run                the required notebooks on synthetic data
      braintumor-tf train --model CNN --dataset FOLDER   a run with its report
    """
    if verbose:
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "0"
    else:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # absent GPUs are errors to it


for command in (
    *(audit, compare, datasets, doctor, evaluate, explain, export, import_model, models, notebooks, predict, run),
    *(search, train),
):
    main.add_command(command)
