"""Rooms whose names are imported when they are first used, so that a command loads no more than it needs."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def lazy_names(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns ``__getattr__`` and ``__dir__`` of a package that imports its names when they are first used (PEP 562).

    What it exports stands once, as imports below ``if TYPE_CHECKING:`` in its ``__init__``, where readers, editors and
    the tests of the house see it. Its modules can be reached as attributes as well.

    Args:
        package: the package's ``__name__``.

    Example:
        >>> get, names = lazy_names("braintumor_tf.leakage")
        >>> get("group").__module__, "split" in names()
        ('braintumor_tf.leakage.groups', True)
    """
    module = sys.modules[package]
    homes = _exported(Path(module.__file__))

    def get(name: str) -> Any:
        if name in homes:
            home, original = homes[name]
            found = getattr(importlib.import_module(home), original)
        elif not name.startswith("_") and importlib.util.find_spec(f"{package}.{name}") is not None:
            found = importlib.import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(module, name, found)
        return found

    return get, lambda: sorted({*vars(module), *homes})


def _exported(path: Path) -> dict[str, tuple[str, str]]:
    """Returns of each name in the imports below ``if TYPE_CHECKING:`` its module, and what it is called there."""
    blocks = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.If)]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: (node.module, alias.name) for node in imports for alias in node.names}
