"""The group of commands ``datasets``."""

from __future__ import annotations

import click

from braintumor_tf.cli.datasets.index import index_dataset
from braintumor_tf.cli.datasets.link import link_dataset
from braintumor_tf.cli.datasets.merge import merge_datasets
from braintumor_tf.cli.datasets.sources import fetch_dataset, list_datasets, verify_dataset


@click.group()
def datasets() -> None:
    """Lists, fetches and verifies the declared data sets; finds published pictures in one, and merges several.

    \b
    Example: braintumor-tf datasets list
    Example: braintumor-tf datasets link data/sartaj
    Example: braintumor-tf datasets merge data/sartaj data/masoud --out data/both
    """


for command in (list_datasets, fetch_dataset, verify_dataset, link_dataset, index_dataset, merge_datasets):
    datasets.add_command(command)
