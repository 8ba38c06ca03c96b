"""Matrices of parameter numbers as SVG: one path a colour, or pixels where there are too many."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from html import escape
from math import ceil

import drawsvg
import numpy as np

from derive.render.palette import colours, rgb

__all__ = ["drawing", "strip_drawing", "width_of"]

_INK, _FAINT, _EMPTY = "#767676", "#76767655", "#80808018"
_MOST_PATHS = 1000
_SPAN, _LEFT, _TOP, _EDGE = 384, 66, 62, 10
_LETTER = 8  # room for a letter of the words along an axis
_APART = 26  # from one number's middle to the next
_FONT = "system-ui, sans-serif"


def drawing(
    cells: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    blocks: tuple[int, int],
    title: str,
    says: str,
    labels: tuple[str, str] | None = None,
) -> str:
    """One matrix with its axes, down and across; `blocks` are how many rows and columns share their first index."""
    usual = (f"← output place {_tuple(rows)}" if rows else "output", f"input place {_tuple(columns)} →")
    down, across = labels or usual
    scale = _SPAN / max(cells.shape)
    wide, high = (
        max(scale * extent, _LETTER * len(text)) for extent, text in zip(cells.T.shape, (across, down), strict=True)
    )
    svg = _canvas(_LEFT + wide + _EDGE, _TOP + high + _EDGE, title, says)
    _matrix(svg, cells, blocks, _LEFT, _TOP, scale)
    svg.append(_text(across, _LEFT + wide / 2, 20, 15))
    svg.append(_text(down, 14, _TOP + high / 2, 15, turn=-90))
    for axis, (extent, block, letters) in enumerate(zip(cells.shape, blocks, (rows, columns), strict=True)):
        for number, place in _ticks(extent, block, scale):
            at = (place + block / 2) * scale
            label = f"{letters[0]} = {number}" if number == 0 and letters else str(number)
            if axis:
                svg.append(_text(label, _LEFT + at, _TOP - 8, 12))
            else:
                svg.append(_text(label, _LEFT - 8, _TOP + at + 4, 12, anchor="end"))
    return _written(svg)


def width_of(svg: str) -> int:
    """How many pixels wide a drawing is."""
    return ceil(float(svg.partition(' width="')[2].partition('"')[0]))


def strip_drawing(panels: Sequence[tuple[np.ndarray, tuple[int, int], str, int]]) -> str:
    """Several matrices in a row: cells, blocks, name, and number of weights of each."""
    side, gap, top = 256, 56, 42
    names = ", then ".join(f"{name} with {number} free weights" for _, _, name, number in panels)
    title = "The matrix W, step by step"
    svg = _canvas(len(panels) * (side + gap) - gap + 2 * _EDGE, top + side + 42, title, f"W: {names}.")
    for position, (cells, blocks, name, number) in enumerate(panels):
        left = _EDGE + position * (side + gap)
        _matrix(svg, cells, blocks, left, top, side / max(cells.shape))
        svg.append(_text(name, left + side / 2, 28, 28))
        svg.append(_text(f"{number} weights", left + side / 2, top + side + 30, 26))
        if position:
            svg.append(_text("⟶", left - gap / 2, top + side / 2 + 8, 28))
    return _written(svg)


def _canvas(width: float, height: float, title: str, says: str) -> drawsvg.Drawing:
    svg = drawsvg.Drawing(_short(width), _short(height), role="img")
    svg.append(drawsvg.Raw(f"<title>{escape(title)}</title>"))
    svg.append(drawsvg.Raw(f"<desc>{escape(says)}</desc>"))
    return svg


def _written(svg: drawsvg.Drawing) -> str:
    text: str = svg.as_svg(header="")
    return text.replace("<defs>\n</defs>\n", "").replace(' xmlns:xlink="http://www.w3.org/1999/xlink"\n    ', "") + "\n"


def _matrix(
    svg: drawsvg.Drawing, cells: np.ndarray, blocks: tuple[int, int], left: float, top: float, scale: float
) -> None:
    height, width = cells.shape
    move = f"translate({_short(left)} {_short(top)}) scale({_short(scale)})"
    group = drawsvg.Group(transform=move)
    group.append(drawsvg.Rectangle(0, 0, width, height, fill=_EMPTY))
    if int(cells.max(initial=0)) > _MOST_PATHS:
        group.append(drawsvg.Raw(_pixels(cells)))
    else:
        group.append(_paths(cells))
    lines = "".join(f"M0 {row}h{width}" for row in range(blocks[0], height, blocks[0]) if blocks[0] > 1)
    lines += "".join(f"M{column} 0v{height}" for column in range(blocks[1], width, blocks[1]) if blocks[1] > 1)
    thin = _short(1 / scale)
    if lines:
        group.append(drawsvg.Path(lines, stroke=_FAINT, stroke_width=thin, fill="none"))
    group.append(drawsvg.Rectangle(0, 0, width, height, fill="none", stroke=_INK, stroke_width=thin))
    svg.append(group)


def _paths(cells: np.ndarray) -> drawsvg.Group:
    """Runs of equal cells as strokes one cell wide; a path holds all runs of one colour."""
    runs: dict[int, list[str]] = {}
    for row, line in enumerate(cells.tolist()):
        start = 0
        for column in range(1, len(line) + 1):
            if column == len(line) or line[column] != line[start]:
                runs.setdefault(line[start], []).append(f"M{start} {row}h{column - start}")
                start = column
    look = {"stroke_width": 1, "fill": "none", "shape_rendering": "crispEdges"}
    group = drawsvg.Group(transform="translate(0 .5)", **look)
    palette = colours(int(cells.max(initial=0)))
    for parameter in sorted(runs):
        if parameter:
            group.append(drawsvg.Path("".join(runs[parameter]), stroke=palette[parameter - 1]))
    return group


def _pixels(cells: np.ndarray) -> str:
    """The cells as an embedded PNG, transparent where they are 0."""
    table = np.array([(0, 0, 0, 0), *((*rgb(c), 255) for c in colours(int(cells.max())))], dtype=np.uint8)
    image = table[cells]
    lines = b"".join(b"\0" + row.tobytes() for row in image)
    height, width = cells.shape
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", _stored(lines)) + _chunk(b"IEND", b"")
    data = base64.b64encode(png).decode("ascii")
    place = f'width="{width}" height="{height}" image-rendering="optimizeSpeed" style="image-rendering:pixelated"'
    return f'<image {place} href="data:image/png;base64,{data}" />'


def _stored(data: bytes) -> bytes:
    """A zlib stream without compression: the same bytes whatever the library's version."""
    parts = [data[start : start + 0xFFFF] for start in range(0, len(data), 0xFFFF)]
    blocks = b"".join(struct.pack("<BHH", part is parts[-1], len(part), 0xFFFF - len(part)) + part for part in parts)
    return b"\x78\x01" + blocks + struct.pack(">I", zlib.adler32(data))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _ticks(extent: int, block: int, scale: float) -> list[tuple[int, int]]:
    """Numbers of the first index and where their blocks start; not more than eight or so, and a word's width apart."""
    count = extent // block
    step = max(1, -(-count // 8), ceil(_APART / (block * scale)))
    return [(number, number * block) for number in range(0, count, step)]


def _tuple(letters: Sequence[str]) -> str:
    return letters[0] if len(letters) == 1 else f"({', '.join(letters)})"


def _text(text: str, x: float, y: float, size: int, anchor: str = "middle", turn: int = 0) -> drawsvg.Text:
    place = {"transform": f"rotate({turn} {_short(x)} {_short(y)})"} if turn else {}
    return drawsvg.Text(text, size, _short(x), _short(y), text_anchor=anchor, fill=_INK, font_family=_FONT, **place)


def _short(value: float) -> float | int:
    rounded = round(value, 4)
    return int(rounded) if rounded == int(rounded) else rounded
