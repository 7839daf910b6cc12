"""From a template and values to one HTML page that loads nothing."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).parent / "templates"


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # labels, paths and settings are the user's data
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template_name: str, **context: Any) -> str:
    """Renders a template of this package as HTML; every value is escaped.

    Args:
        template_name: a file of ``report/templates``, such as ``"report.html"``.
        **context: what the template uses; a name that it uses and that is missing raises `jinja2.UndefinedError`.
    """
    return _environment().get_template(template_name).render(**context)
