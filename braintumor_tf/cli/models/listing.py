"""The commands ``models list`` and ``fetch``: what can be trained, and the weights that it starts from."""

from __future__ import annotations

from typing import Any

import click

from braintumor_tf.cli._options import json_option
from braintumor_tf.cli._output import print_json, table_lines


@click.group()
def models() -> None:
    """Lists the models and fetches their ImageNet weights.

    \b
    Example: braintumor-tf models list
    """


@models.command("list")
@json_option("Print a JSON list.")
def list_models(as_json: bool) -> None:
    """Shows every model: its side in pixels, whether its ImageNet weights are there, and the command that brings them.

    \b
    Example: braintumor-tf models list
    """
    rows = model_rows()
    if as_json:
        print_json(rows)
        return
    cells = [("model", "px", "ImageNet weights")]
    cells += [(row["name"], str(row["image_size"]), _in_words(row)) for row in rows]
    click.echo("\n".join(table_lines(cells)))


@models.command("fetch")
@click.argument("name")
def fetch_weights(name: str) -> None:
    """Downloads the ImageNet weights of the model NAME, where they are not there yet, and prints their place.

    \b
    Example: braintumor-tf models fetch MobileNetV2-0.35
    """
    from braintumor_tf.models import download_weights

    click.echo(download_weights(name))


def model_rows() -> list[dict[str, Any]]:
    """Returns one row a model: what it is, the file of its ImageNet weights, or what is wrong and how to get them.

    ``damaged`` is the place of a file whose hash is not the published one.
    """
    from braintumor_tf.models import MODELS, WeightsUnavailable
    from braintumor_tf.models.pretrained import candidate_files, how_to_get, resolve_weights, weights_directory
    from braintumor_tf.types import IMAGENET

    rows = []
    for spec in MODELS.values():
        row = {"name": spec.name, "kind": spec.kind, "image_size": spec.image_size, "licence": spec.licence}
        row |= {"weights": list(spec.weights), "imagenet_file": None, "imagenet_problem": None, "get_imagenet": None}
        row["damaged"] = None
        if spec.pretrained:
            row["get_imagenet"] = how_to_get(spec)
            try:
                row["imagenet_file"] = str(resolve_weights(spec, IMAGENET))
            except WeightsUnavailable as error:
                row["imagenet_problem"] = str(error)
                places = [weights_directory() / file.name for file in candidate_files(spec)]
                row["damaged"] = next((str(place) for place in places if place.is_file()), None)
        rows.append(row)
    return rows


def _in_words(row: dict[str, Any]) -> str:
    if not row["get_imagenet"]:
        return "has none"
    if row["imagenet_file"]:
        return "there"
    return f"{'damaged' if row['damaged'] else 'not there'}: {row['get_imagenet']}"
