"""A folder that appears complete or not at all."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from braintumor_tf.errors import DatasetError
from braintumor_tf.files import naming_unwritten


def holds_anything(folder: Path) -> bool:
    """Returns whether a folder exists and is not empty.

    Raises:
        DatasetError: the path is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise DatasetError(f"{folder}: is a file; choose another folder")
    return folder.is_dir() and any(folder.iterdir())


@contextlib.contextmanager
def complete_or_nothing(folder: Path) -> Iterator[Path]:
    """Gives a hidden folder beside `folder`; it takes that name when the block ends well, and is removed otherwise."""
    folder = folder.absolute()
    draft = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    draft.mkdir(parents=True)
    try:
        with naming_unwritten(folder):
            yield draft
        try:
            if folder.is_dir():
                folder.rmdir()
            draft.rename(folder)
        except OSError:
            if not holds_anything(folder):  # else another process was quicker; the caller looks at what it made
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
