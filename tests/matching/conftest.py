"""The folder with planted near-duplicates, as the tests of leakage use it."""

from tests.leakage.conftest import leaky_folder

__all__ = ["leaky_folder"]
