"""Rows of text in columns."""

from collections.abc import Sequence

__all__ = ["in_columns"]


def in_columns(rows: Sequence[Sequence[str]], most: int) -> list[str]:
    """The first column to the left, the others to the right, two blanks between them; one where rows would be beyond `most`."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= most else " "
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(text.rjust(w) for text, w in zip(others, widths[1:], strict=True))]
        lines.append(gap.join(cells).rstrip())
    return lines
