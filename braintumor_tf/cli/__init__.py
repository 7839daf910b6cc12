"""The command ``braintumor-tf``."""

from braintumor_tf.cli.main import main

__all__ = ["main"]
