"""Sections and symbols of an ELF file."""

import re
import struct
from collections.abc import Iterator

__all__ = ["name_of", "scope_of", "section", "symbol_sizes", "symbols"]

HEADER, SYMBOL = struct.Struct("<IIQQQQ"), struct.Struct("<IBBHQQ")


def section(image: bytes, wanted: str) -> bytes:
    """The bytes of a section; none where there is no such section."""
    return next((image[start : start + size] for name, start, size in _sections(image) if name == wanted), b"")


def _sections(image: bytes) -> Iterator[tuple[str, int, int]]:
    """Each section's name, where it starts in the file, and how long it is."""
    if image[:5] != b"\x7fELF\x02":
        return
    (table,) = struct.unpack_from("<Q", image, 0x28)
    size, count, names = struct.unpack_from("<HHH", image, 0x3A)
    headers = [HEADER.unpack_from(image, table + size * i) for i in range(count)]
    for header in headers:
        start = headers[names][4] + header[0]
        yield image[start : image.index(0, start)].decode(), header[4], header[5]


def symbol_sizes(image: bytes, within: str) -> Iterator[tuple[str, int]]:
    """Every symbol of a section with how many bytes it takes."""
    return ((name, size) for name, _, size, where in symbols(image) if where == within)


def symbols(image: bytes) -> Iterator[tuple[str, int, int, str]]:
    """Every symbol: its name, its address from where the file is loaded, how many bytes it takes, and its section."""
    names, texts = [name for name, _, _ in _sections(image)], section(image, ".strtab")
    for name, _, _, place, address, size in SYMBOL.iter_unpack(section(image, ".symtab")):
        if place < len(names):
            yield texts[name : texts.index(0, name)].decode(), address, size, names[place]


def scope_of(symbol: str) -> tuple[str, ...]:
    """The function in which a static variable stands, from the outermost namespace inwards.

    >>> scope_of("_ZZN5unit010cu_linkage4fillEPfiE4tile"), scope_of("_ZN5unit05tableE"), scope_of("main")
    (('unit0', 'cu_linkage', 'fill'), (), ())
    """
    parts: list[str] = []
    at = 4 if symbol.startswith("_ZZN") else len(symbol)
    while number := re.compile(r"\d+").match(symbol, at):
        at = number.end() + int(number[0])
        parts.append(symbol[number.end() : at])
    return tuple(parts) if symbol[at : at + 1] == "E" else ()


def name_of(symbol: str) -> str:
    """What a static variable of a function is called there; one of a name that others have there is told apart.

    >>> name_of("_ZZN5unit010cu_linkage4fillEPfiE4tile"), name_of("_ZZN5unit04fillEPfiE1x_0")
    ('tile', 'x_0')
    """
    for found in re.finditer(r"(?=E(\d+)([A-Za-z_]\w*)$)", symbol):
        if re.fullmatch(r"(?:_\d+)?", found[2][int(found[1]) :]):
            return found[2]
    return symbol
