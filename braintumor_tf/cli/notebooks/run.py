"""The command ``run``: the numbered notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from braintumor_tf.cli._options import (
    DROP_COPIES,
    MERGE_BINARY,
    NO_LINK,
    WORDS,
    dataset_option,
    layout_options,
    refuse_for_one,
    short_name,
)
from braintumor_tf.cli._output import load_datasets, say_path
from braintumor_tf.interrupts import goes_on_with


@click.command()
@click.argument("notebooks", nargs=-1, metavar="[NOTEBOOK]...")
@dataset_option("synthetic, the name of a source, a folder or a CSV", default=("synthetic",), show_default=True)
@click.option("--out", default="models", show_default=True, help="Folder for executed notebooks, pages and runs.")
@click.option("-p", "parameters", nargs=2, multiple=True, metavar="NAME VALUE", help="A notebook's parameter.")
@layout_options
@MERGE_BINARY
@DROP_COPIES
@NO_LINK
@click.option("--resume", is_flag=True, help="Skip notebooks that are finished in OUT.")
@click.option("--timeout", type=float, help="Seconds that one cell may take.")
@click.option("--kernel", help="An installed Jupyter kernel; by default this very Python.")
def run(
    notebooks: tuple[str, ...],
    datasets: tuple[str, ...],
    out: str,
    parameters: tuple[tuple[str, str], ...],
    layout: dict[str, Any],
    binary: bool,
    drop_copies: bool,
    no_link: bool,
    resume: bool,
    timeout: float | None,
    kernel: str | None,
) -> None:
    """Runs numbered notebooks with papermill, by default the required ones (0x), and prints the reports they wrote.

    NOTEBOOK is a name (00_quickstart), a number (00), a group (1x) or a path. Several data sets are merged into a list
    in OUT, such as sartaj+masoud.csv, which the notebooks read.

    \b
    Example: braintumor-tf run 11 --dataset data/sartaj -p PROTOCOL grouped
    """
    from braintumor_tf.datasets import write_manifest
    from braintumor_tf.datasets.resolve import SYNTHETIC
    from braintumor_tf.notebooks.runner import run_notebooks, select_notebooks

    words = click.get_current_context().find_root().meta[WORDS]
    goes_on_with(lambda: words if resume else [*words, "--resume"])
    chosen = select_notebooks(notebooks or ["0x"])
    refuse_for_one(datasets, binary=binary, drop_copies=drop_copies)
    dataset = datasets[0]
    if datasets != (SYNTHETIC,):  # refuses a wrong one; what it finds is kept
        how = {
            "binary": binary,
            "drop_copies": drop_copies,
            **layout,
        }
        found = load_datasets(datasets, link=not no_link, data_dir="data", **how)
        if len(datasets) > 1:
            dataset = str(write_manifest(Path(out).absolute() / f"{short_name(datasets)}.csv", found.manifest))
    given = {"LINK": False} if no_link else {}
    if len(datasets) == 1:  # a list of merged ones says it all
        usual = {"slices": "middle", "plane": "axial"}
        reading = {name: list(value) if name == "ignore" else value for name, value in layout.items()
                   if value and value != usual.get(name)}  # fmt: skip
        given |= {"READING": reading} if reading else {}
    results = run_notebooks(
        chosen,
        out=out,
        parameters={**dict(parameters), **given},
        dataset=dataset,
        resume=resume,
        timeout=timeout,
        kernel=kernel,
    )
    for result in results:
        click.echo(f"{result.name}: {result.html}")
        if result.results.get("report"):
            say_path("report", Path(result.results["report"]))
