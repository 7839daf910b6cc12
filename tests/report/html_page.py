"""Reads an HTML page as a strict browser would: balanced tags, nothing loaded, what it says."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """Checks that tags are balanced, and collects what the page would load and what it says."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        attributes = dict(attrs)
        self.loads += [attributes[name] for name in ("src", "srcset", "href", "data", "poster") if name in attributes]
        self.ids += [attributes["id"]] if "id" in attributes else []
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "img":
            assert attributes.get("alt"), "a picture without a description"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def check_page(path: Path) -> Page:
    """Reads a page and checks that it is well-formed and self-contained."""
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert all(load.startswith(("data:", "#")) for load in page.loads), page.loads
    assert not {"script", "iframe", "object", "embed"} & page.tags
    assert "@import" not in text and not re.search(r"url\(\s*['\"]?(?!data:)", text)
    assert not re.search(r"\b(nan|None|undefined)\b", page.text)
    assert len(page.ids) == len(set(page.ids))
    assert {load[1:] for load in page.loads if load.startswith("#")} <= set(page.ids)
    assert path.stat().st_size < 3_000_000
    return page
