"""The commands ``notebooks list`` and ``copy``: what there is to run, and copies to change."""

from __future__ import annotations

import click

from braintumor_tf.cli._options import json_option
from braintumor_tf.cli._output import print_json, table_lines


@click.group()
def notebooks() -> None:
    """Lists the numbered notebooks, and copies them to a folder of your own.

    \b
    Example: braintumor-tf notebooks list
    Example: braintumor-tf notebooks copy my_notebooks 00 11
    """


@notebooks.command("list")
@json_option("Print a JSON list.")
def list_notebooks(as_json: bool) -> None:
    """Shows the numbered notebooks: name, minutes on two cores, title.

    \b
    Example: braintumor-tf notebooks list
    """
    from braintumor_tf.notebooks.copies import describe_notebook
    from braintumor_tf.notebooks.runner import find_notebooks

    rows = [{**describe_notebook(path), "path": path} for path in find_notebooks()]
    if as_json:
        print_json(rows)
        return
    cells = [("name", "minutes", "title"), *((row["name"], str(row["minutes"] or ""), row["title"]) for row in rows)]
    click.echo("\n".join(table_lines(cells)))


@notebooks.command("copy")
@click.argument("folder", metavar="DIR")
@click.argument("names", nargs=-1, metavar="[NOTEBOOK]...")
def copy_notebooks(folder: str, names: tuple[str, ...]) -> None:
    """Copies numbered notebooks into DIR, by default all, and prints where they are.

    NOTEBOOK is a name (00_quickstart), a number (00) or a group (1x). Files that are there are never written over.

    \b
    Example: braintumor-tf notebooks copy my_notebooks 0x
    """
    from braintumor_tf.notebooks.copies import copy_notebooks as copy_files
    from braintumor_tf.notebooks.runner import select_notebooks

    for path in copy_files(select_notebooks(names), folder):
        click.echo(path)
