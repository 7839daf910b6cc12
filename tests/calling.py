"""Calling the command line from a test."""

from __future__ import annotations

from click.testing import CliRunner, Result

from braintumor_tf.cli.main import main


def call(*words: object) -> Result:
    """Runs ``braintumor-tf`` with these words in this process."""
    return CliRunner().invoke(main, [str(word) for word in words])
