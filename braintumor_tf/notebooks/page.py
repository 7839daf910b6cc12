"""The page that is made from an executed notebook: one file that opens offline."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat

from braintumor_tf.files import write_text
from braintumor_tf.notebooks.parameters import read_notebook

OFFLINE_PAGE = """{% extends 'lab/index.html.j2' %}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_css -%}
<style>
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1, h2, h3 { line-height: 1.25 !important; }
.jp-InputPrompt, .jp-OutputPrompt { display: none; }
.jp-RenderedHTMLCommon, .jp-OutputArea-output, .jp-InputArea-editor pre { overflow-x: auto; }
.jp-OutputArea-output img { max-width: 100%; height: auto; }
</style>
{%- endblock -%}
"""
"""JupyterLab's page without the scripts that it would fetch from the network, in a column that also fits a phone."""

_BADGE = re.compile(r"\[!\[[^\]]*\]\(https?://[^)]*\)\]\([^)]*\)")  # a badge is a picture on the network, with a link
_REMARKS = re.compile(r"^(WARNING: All log messages before absl|I0000 ).*\n?", flags=re.MULTILINE)
"""What TensorFlow says on being imported, whatever its log level."""


def write_page(notebook: str | Path) -> Path:
    """Writes an executed notebook as one HTML file beside it, which opens offline, and returns its path."""
    from nbconvert import HTMLExporter

    notebook = Path(notebook)
    content = read_notebook(notebook)
    for cell in content.cells:
        if cell.cell_type == "markdown":
            cell.source = _BADGE.sub("", cell.source)
    exporter = HTMLExporter(raw_template=OFFLINE_PAGE, embed_images=True)
    page, _ = exporter.from_notebook_node(content, {"metadata": {"name": notebook.stem, "path": str(notebook.parent)}})
    return write_text(notebook.with_suffix(".html"), page)


def tidy_outputs(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drops TensorFlow's remarks at import, and the white space that a progress bar leaves when it clears itself."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                output.text = _REMARKS.sub("", output.text)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("text", "text").strip()]
    return notebook
