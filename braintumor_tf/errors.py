"""The errors that this package raises on purpose: one line, naming what is wrong and what to do."""

from __future__ import annotations

from pathlib import Path


class BrainTumorError(Exception):
    """Base of every error raised on purpose; the command line prints it as one line and exits with 1."""


class ImageReadError(BrainTumorError):
    """An image file could not be read.

    Attributes:
        path: the file.
        reason: why, without the path, such as ``"truncated file"``.
    """

    def __init__(self, path: str | Path, reason: str):
        self.path = str(path)
        self.reason = reason
        super().__init__(f"{path}: {reason}")

    def __reduce__(self):
        return type(self), (self.path, self.reason)


class DatasetError(BrainTumorError):
    """A data set is missing, empty, not laid out as expected, or holds files that `strict` refuses."""


class SplitError(BrainTumorError):
    """A split cannot be made as asked: too few groups, no official split, fractions that do not add up."""


class RunError(BrainTumorError):
    """A run directory is missing, incomplete, or does not fit what is asked of it."""


class NotebookError(BrainTumorError):
    """A notebook is unknown, was given wrong parameters, or failed while running."""
