"""A page before it is printed: headings, sentences, formulas, tables, pictures and code, in order.

Sentences may hold `code` between backticks. A formula is kept as Unicode and as LaTeX;
a printer takes the one it needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what is remembered of a page is printed without the algebra
    from derive.derivation import Derivation
    from derive.proof.goal import Verdict
    from derive.render.chart import Chart
    from derive.render.field import Field
    from derive.render.figures import Picture

__all__ = [
    "Block",
    "Code",
    "Details",
    "Figure",
    "Formula",
    "Heading",
    "Item",
    "Sentence",
    "Source",
    "Subject",
    "Table",
    "read_blocks",
    "write_blocks",
]


@dataclass(frozen=True)
class Subject:
    """What a page is about: a named derivation, what was made of it elsewhere, and how commands call it if not by its name."""

    name: str
    title: str
    derivation: Derivation
    emitted: Mapping[str, str] = field(default_factory=dict)
    program_verdicts: Mapping[str, tuple[Verdict, ...]] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    chart: Chart | None = None
    receptive: Field | None = None
    called: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """A title; level 1 is the page's own."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """Prose, with a bold word or two before it."""

    text: str
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule is written down: its name, and its file in a checkout."""

    name: str
    file: str


@dataclass(frozen=True, slots=True)
class Formula:
    """Displayed mathematics: (Unicode, LaTeX) of each line."""

    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One numbered step of an argument: what is done, and where it leads."""

    number: int
    says: str
    formula: Formula


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; a cell is text, mathematics or a picture."""

    header: tuple[str, ...]
    rows: tuple[tuple[str | Formula | Figure, ...], ...]
    right: tuple[int, ...] = ()

    @property
    def filled(self) -> Table:
        """The table less the columns in which nothing stands, such as witnesses where there are none."""
        return self._of([c for c in range(len(self.header)) if not self.rows or any(row[c] for row in self.rows)])

    @property
    def worded(self) -> Table:
        """The table less the columns that have pictures, too."""
        pictured = {c for row in self.rows for c, cell in enumerate(row) if isinstance(cell, Figure)}
        return self._of([c for c in range(len(self.header)) if c not in pictured]).filled

    def _of(self, columns: Sequence[int]) -> Table:
        rows = tuple(tuple(row[column] for column in columns) for row in self.rows)
        right = tuple(place for place, column in enumerate(columns) if column in self.right)
        return Table(tuple(self.header[column] for column in columns), rows, right)


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture that lies beside the page, in words for whoever doesn't see it."""

    file: str
    caption: str
    width: int


@dataclass(frozen=True, slots=True)
class Code:
    """Text to be shown letter by letter."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Details:
    """Blocks that are folded away where the medium can."""

    summary: str
    blocks: tuple[Block, ...]


Block = Heading | Sentence | Source | Formula | Item | Table | Figure | Code | Details

_KINDS = {kind.__name__: kind for kind in (Heading, Sentence, Source, Formula, Item, Table, Figure, Code, Details)}


def write_blocks(blocks: Iterable[Block]) -> list[Any]:
    """A page as JSON values: of each block its kind and its fields."""
    return [_written(block) for block in blocks]


def read_blocks(written: Iterable[Any]) -> tuple[Block, ...]:
    """What `write_blocks` wrote."""
    return tuple(_read(block) for block in written)


def _written(part: Any) -> Any:
    if isinstance(part, tuple):
        return [_written(p) for p in part]
    name = type(part).__name__
    return {name: [_written(getattr(part, f.name)) for f in fields(part)]} if name in _KINDS else part


def _read(part: Any) -> Any:
    if isinstance(part, list):
        return tuple(_read(p) for p in part)
    if isinstance(part, dict):
        ((name, values),) = part.items()
        return _KINDS[name](*map(_read, values))
    return part
