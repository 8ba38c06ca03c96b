"""Reading a built site: what its pages fetch, and where their links lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["Page", "broken", "fetched", "outside", "read", "unnamed"]

_FETCHING = {"script": ("src",), "img": ("src", "srcset"), "link": ("href",), "iframe": ("src",), "source": ("src",)}
_FETCHING |= {"video": ("src",), "audio": ("src",), "object": ("data",), "embed": ("src",), "image": ("href",)}
_INERT = {
    "canonical",
    "alternate",
    "prev",
    "next",
    "index",
    "search",
    "author",
    "license",
}  # of <link>: nothing is fetched
# Colours of source texts: nine in ten of all tags, and none fetches anything or can be linked at.
_BARE = re.compile(r'<span(?: class="[^"]*")?>|</span>')
_IN_STYLE = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


@dataclass
class Page:
    """What a file of HTML fetches, links to, and can be linked at."""

    fetches: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    silent: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        page = self.page
        page.anchors |= {given[name] for name in ("id", "name") if name in given}
        page.links += [given["href"]] if tag == "a" and "href" in given else []
        if tag == "img" and not given.get("alt", "").strip():
            page.silent.append(given.get("src", ""))
        page.fetches += _styled(given.get("style", ""))
        if not (tag == "link" and set(given.get("rel", "").split()) & _INERT):
            page.fetches += [given[name] for name in _FETCHING.get(tag, ()) if given.get(name)]


@cache
def read(file: Path) -> Page:
    """The page in a file."""
    reader = _Reader()
    reader.feed(_BARE.sub("", file.read_text(encoding="utf-8")))
    return reader.page


def _styled(text: str) -> list[str]:
    return [one or other for one, other in _IN_STYLE.findall(text)]


def _pages(folder: Path) -> list[Path]:
    """The pages; the theme leaves a template among its scripts."""
    return sorted(file for file in folder.rglob("*.html") if "_static" not in file.relative_to(folder).parts)


def fetched(folder: Path) -> Iterator[tuple[str, str]]:
    """What a browser asks for to show the pages, each with the file that says so."""
    for file in _pages(folder):
        yield from ((str(file.relative_to(folder)), target) for target in read(file).fetches)
    for file in sorted([*folder.rglob("*.css"), *folder.rglob("*.svg")]):
        targets = _styled(file.read_text(encoding="utf-8"))
        yield from ((str(file.relative_to(folder)), target) for target in targets)


def outside(folder: Path) -> list[str]:
    """What is fetched from elsewhere than the folder."""
    return [f"{page} fetches {target}" for page, target in fetched(folder) if _elsewhere(target)]


def _elsewhere(target: str) -> bool:
    parts = urlsplit(target)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def broken(folder: Path) -> list[str]:
    """Links and files within the folder that lead nowhere."""
    found = []
    for file in _pages(folder):
        page = read(file)
        for target in [*page.links, *page.fetches]:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc or not _leads_nowhere(folder, file, unquote(parts.path), parts.fragment):
                continue
            found.append(f"{file.relative_to(folder)} leads to {target}")
    return found


def _leads_nowhere(folder: Path, file: Path, path: str, fragment: str) -> bool:
    to = (file.parent / path).resolve() if path else file
    if not to.is_relative_to(folder.resolve()) or not to.is_file():
        return True
    return bool(fragment) and to.suffix == ".html" and unquote(fragment) not in read(to).anchors


def unnamed(folder: Path) -> list[str]:
    """Pictures without words for those who don't see them."""
    return [f"{f.relative_to(folder)}: {src}" for f in _pages(folder) for src in read(f).silent]
