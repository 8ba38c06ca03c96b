"""Highlighting of emitted modules for CuPy: CUDA text stands in a Python string, and is read as what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pygments.lexers.c_cpp import CppLexer
from pygments.lexers.python import PythonLexer
from pygments.token import Keyword, Name, String
from sphinx.application import Sphinx

__all__ = ["CudaInPython", "setup"]

_TEXT = re.compile(r'r"""\n(.*?)"""', re.DOTALL)
_OF_CUDA = {"__global__", "__device__", "__shared__", "__restrict__", "__launch_bounds__"}
Token = tuple[int, Any, str]


class CudaInPython(PythonLexer):
    """Python whose raw strings of several lines are CUDA C."""

    name = "Python with CUDA text"
    aliases = ("python-cuda",)

    def get_tokens_unprocessed(self, text: str, stack: tuple[str, ...] = ("root",)) -> Iterator[Token]:
        """The tokens of the Python, and those of the CUDA text within it."""
        done = 0
        for found in _TEXT.finditer(text):
            yield from _moved(super().get_tokens_unprocessed(text[done : found.start()], stack), done)
            yield found.start(), String, text[found.start() : found.start(1)]
            yield from _moved(CppLexer().get_tokens_unprocessed(found[1]), found.start(1))
            yield found.end(1), String, text[found.end(1) : found.end()]
            done = found.end()
        yield from _moved(super().get_tokens_unprocessed(text[done:], stack), done)


def _moved(tokens: Iterator[Token], by: int) -> Iterator[Token]:
    for place, token, value in tokens:
        yield by + place, Keyword if token in Name and value in _OF_CUDA else token, value


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the lexer `python-cuda`."""
    app.add_lexer("python-cuda", CudaInPython)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
