"""Python files of the user's own, each run as a module of its own."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from types import ModuleType

from derive.errors import DeriveError, UnknownName

__all__ = ["user_module"]

_serial = count()


def user_module(path: Path) -> ModuleType:
    """The module that the file is. Raises UnknownName for what is no Python file, DeriveError for one that fails."""
    spec = spec_from_file_location(f"derive_user_{path.stem}_{next(_serial)}", path)
    if spec is None or spec.loader is None:
        raise UnknownName(f"'{path}' is not a Python file.")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    beside = str(path.resolve().parent)
    sys.path.insert(0, beside)
    try:
        spec.loader.exec_module(module)
    except DeriveError:
        raise
    except (Exception, SystemExit) as cause:
        raise DeriveError(f"'{path}' failed with {type(cause).__name__}: {cause}.") from cause
    finally:
        sys.path.remove(beside)
    return module
