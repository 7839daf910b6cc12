"""What a figure says."""

from __future__ import annotations

import matplotlib
from matplotlib.figure import Figure


def texts(figure: Figure) -> str:
    """Every text of a figure, one on each line."""
    return "\n".join(item.get_text() for item in figure.findobj(matplotlib.text.Text))
