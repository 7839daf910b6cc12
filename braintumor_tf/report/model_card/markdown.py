"""From templates and values to Markdown that GitHub and Hugging Face show as it was meant."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from braintumor_tf.files import printable
from braintumor_tf.report.rendering import TEMPLATES
from braintumor_tf.report.wording.numbers import Cell

_SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def escape(value: Any) -> Markup:
    r"""Writes a value as one line of plain text in Markdown: labels, paths and settings are the user's data.

    What HTML is made of becomes entities, which no renderer of Markdown takes for a tag.

    Example:
        >>> escape("a|b *c* no_tumor <img>")
        Markup('a\\|b \\*c\\* no_tumor &lt;img&gt;')
    """
    text = printable(re.sub(r"\s+", " ", str(value)))
    return Markup(_SPECIAL.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), text))


def code(value: Any) -> Markup:
    """Writes a value as a code span, with as many backticks around it as it needs; what has HTML in it by `escape`."""
    text = printable(" ".join(str(value).split()))
    if re.search("[<>|]", text):  # the second would also end the cell of a table
        return escape(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return Markup(f"{fence}{space}{text}{space}{fence}")


def verbatim(value: Any) -> Markup:
    """Writes a value as it stands, for blocks of code."""
    return Markup(value)


def cell_text(found: Cell) -> Markup:
    """Writes a cell of a table as ``0.912 (0.881–0.940)``."""
    return escape(found["value"] + (f" ({found['interval']})" if found["interval"] else ""))


def front_matter(values: Mapping[str, Any]) -> Markup:
    """Writes the YAML at the head of a card, without the lines that fence it."""
    return Markup(yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=1000).rstrip())


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,  # so that what a macro returns is not escaped again
        finalize=lambda value: value if isinstance(value, Markup) else escape(value),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(code=code, verbatim=verbatim, score=cell_text)
    return environment


def render_markdown(template_name: str, **context: Any) -> str:
    """Renders a template of this package as Markdown; every value is escaped, three blank lines become one.

    Args:
        template_name: a file of ``report/templates``.
        **context: what the template uses; a name that it uses and that is missing raises `jinja2.UndefinedError`.
    """
    text = _environment().get_template(template_name).render(**context)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
