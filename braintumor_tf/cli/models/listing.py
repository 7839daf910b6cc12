"""The commands ``models list`` and ``fetch``: what can be trained, and the weights that it starts from."""

from __future__ import annotations

from typing import Any

import click

from braintumor_tf.cli._options import json_option
from braintumor_tf.cli._output import print_json


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
    rows = _rows()
    if as_json:
        print_json(rows)
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        click.echo(f"{row['name']:{width}}  {row['image_size']:3} px  {_in_words(row)}")


@models.command("fetch")
@click.argument("name")
def fetch_weights(name: str) -> None:
    """Downloads the ImageNet weights of the model NAME, where they are not there yet, and prints their place.

    \b
    Example: braintumor-tf models fetch MobileNetV2-0.35
    """
    from braintumor_tf.models import download_weights

    click.echo(download_weights(name))


def _rows() -> list[dict[str, Any]]:
    from braintumor_tf.models import MODELS, WeightsUnavailable
    from braintumor_tf.models.pretrained import how_to_get, resolve_weights
    from braintumor_tf.types import IMAGENET

    rows = []
    for spec in MODELS.values():
        row = {"name": spec.name, "kind": spec.kind, "image_size": spec.image_size, "licence": spec.licence}
        row |= {"weights": list(spec.weights), "imagenet_file": None, "imagenet_problem": None, "get_imagenet": None}
        if spec.pretrained:
            row["get_imagenet"] = how_to_get(spec)
            try:
                row["imagenet_file"] = str(resolve_weights(spec, IMAGENET))
            except WeightsUnavailable as error:
                row["imagenet_problem"] = str(error)
        rows.append(row)
    return rows


def _in_words(row: dict[str, Any]) -> str:
    if not row["get_imagenet"]:
        return "random weights only"
    if row["imagenet_file"]:
        return f"ImageNet weights: {row['imagenet_file']}"
    return f"no usable ImageNet weights; to get them: {row['get_imagenet']}"
