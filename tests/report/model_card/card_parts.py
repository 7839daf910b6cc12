"""A model card taken apart."""

from __future__ import annotations

import re
from pathlib import Path

import yaml


class Card:
    """A card taken apart: its metadata, its sections, and the rows of its tables."""

    def __init__(self, path: Path):
        self.text = path.read_text(encoding="utf-8")
        _, head, self.body = self.text.split("---\n", 2)
        self.metadata = yaml.safe_load(head)
        parts = re.split(r"^## (.+)$", self.body, flags=re.MULTILINE)
        self.sections = dict(zip(parts[1::2], parts[2::2]))
        assert not re.search(r"\b(None|nan|undefined)\b", self.body) and "\n\n\n" not in self.text
        assert self.body.count("```") % 2 == 0
        self.rows = {}
        for table in re.findall(r"(?:^\|.*\|$\n?)+", self.body, flags=re.MULTILINE):
            rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
            assert len({len(row) for row in rows}) == 1, f"a ragged table: {table}"
            assert set(rows[1]) == {"---"}
            for row in rows[2:]:
                cells = [cell.strip() for cell in row]
                self.rows.setdefault(cells[0].split(": ")[0], []).append(cells[1:])
