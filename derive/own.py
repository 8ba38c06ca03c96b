"""A layer or a claim in a file of the user's own, `FILE.py:NAME`."""

from __future__ import annotations

import builtins
import sys
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from keyword import iskeyword
from pathlib import Path
from shlex import quote
from types import ModuleType

from derive.backends._signature import IMPORTED
from derive.derivation import Derivation
from derive.errors import DeriveError, UnknownName, failure, no_file, refused
from derive.pipeline import Layer, backends, layer, titled
from derive.proof.stated import Stated

__all__ = ["load", "load_layer"]

_serial = count()


def load(text: str) -> Layer | Stated:
    """A catalogue entry by name, or `FILE.py:NAME`, a derivation of the user's own, or a claim that was proved there.

    Raises UnknownName for a layer or file that is not there, DeriveError for a file that fails or holds no such derivation.
    """
    file, colon, name = text.rpartition(":")
    if not colon and text.endswith(".py"):
        raise UnknownName(f"A file may hold several layers; say which of them, as {text}:NAME.")
    if not colon:
        return layer(text)
    path = Path(file)
    if not path.is_file():
        raise no_file(path)
    module = _module(path)
    found = getattr(module, name, None)
    if isinstance(found, Stated):
        return found
    if not isinstance(found, Derivation):
        raise UnknownName(_lacking(file, name, module))
    _require_usable(name)
    shown = quote(f"{path.name}:{name}")
    command = f"python -m derive emit {shown}"
    return Layer(name, found, titled(module, name), command, f"python -m derive show {shown}", shown)


def load_layer(text: str) -> Layer:
    """The same, where it is a layer."""
    found = load(text)
    if isinstance(found, Stated):
        raise UnknownName(f"'{text}' is a claim, which is no layer: `prove` and `verify` take it.")
    return found


def _lacking(file: str, name: str, module: ModuleType) -> str:
    """What a file holds instead of the layer asked for."""
    held = [n for n, value in vars(module).items() if isinstance(value, (Derivation, Stated)) and not n.startswith("_")]
    if not held:
        return f"'{file}' holds no derivation, such as mine = derive.dense(rank=1)."
    return f"'{file}' holds no derivation called '{name}'; it holds {', '.join(held)}."


def _require_usable(name: str) -> None:
    """Raises UnknownName for what no function in an emitted module can be called."""
    if not name.isidentifier() or iskeyword(name):
        raise UnknownName(f"'{name}' is no name for a layer.")
    capitals = name.isupper() and len(name) > 1  # a module's source texts
    if name.startswith("_") or capitals or name in IMPORTED or name in backends() or hasattr(builtins, name):
        other = f"my_{name.strip('_').lower()}"
        raise UnknownName(f"'{name}' is no name for a layer: emitted modules use it otherwise; '{other}' is one.")


def _module(path: Path) -> ModuleType:
    """The module in a file. What it prints goes to standard error, where it is in nobody's way."""
    spec = spec_from_file_location(f"derive_user_{path.stem}_{next(_serial)}", path)
    if spec is None or spec.loader is None:
        raise UnknownName(f"'{path}' is not a Python file.")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    beside = str(path.resolve().parent)
    sys.path.insert(0, beside)
    try:
        with redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except DeriveError as cause:
        raise refused(path, cause) from cause.__cause__
    except BaseException as cause:
        raise DeriveError(failure(path, cause)) from cause
    finally:
        sys.path.remove(beside)
    return module
