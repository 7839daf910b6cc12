"""One progress bar for all work over two seconds."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import TypeVar

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # without ipywidgets a notebook gets a plain bar; no need to say so in red
    from tqdm.auto import tqdm

Item = TypeVar("Item")


def progress_bar(
    items: Iterable[Item], description: str, *, total: int | None = None, show: bool = True
) -> Iterator[Item]:
    """Iterates over `items` behind a bar on standard error that appears only after two seconds.

    Args:
        items: what to iterate over.
        description: a few words in front of the bar, such as ``"Reading images"``.
        total: the number of items, where `items` has no length.
        show: False for silence.
    """
    return iter(tqdm(items, desc=description, total=total, delay=2.0, disable=not show, leave=False))
