"""JSON data in a file, of which nothing is known: what it must hold, or CertificateError with a sentence that names the place."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from derive.errors import CertificateError

__all__ = ["LARGEST", "Data", "digest", "digested", "dumps", "fields", "kind_of", "line", "listed", "parsed", "plain"]

Data = dict[str, Any]

LARGEST = 16_000_000  # bytes of a file


def dumps(data: Data) -> str:
    """The certificate as text, the same for the same data."""
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def fields(data: Any, keys: str, where: str, may: str = "") -> list[Any]:
    """The values of an object with exactly these keys, in their order; then those it may have, or None."""
    wanted = keys.split()
    if not isinstance(data, dict):
        raise CertificateError(f"{where} is {kind_of(data)}; it must be an object.")
    if missing := [key for key in wanted if key not in data]:
        raise CertificateError(f"{where} lacks '{missing[0]}'.")
    if strange := sorted(set(data) - {*wanted, *may.split()}):
        raise CertificateError(f"{where} has '{strange[0][:40]}', which means nothing there.")
    return [data.get(key) for key in (*wanted, *may.split())]


def listed(data: Any, where: str) -> list[Any]:
    """A list."""
    if not isinstance(data, list):
        raise CertificateError(f"{where} is {kind_of(data)}; it must be a list.")
    return data


def line(data: Any, where: str, most: int = 1_000) -> str:
    """A short text that can be printed on one line."""
    if not isinstance(data, str):
        raise CertificateError(f"{where} is {kind_of(data)}; it must be text.")
    if len(data) > most or not data.isprintable():
        raise CertificateError(f"{where} must be one line of at most {most} printable characters.")
    return data


def kind_of(data: Any) -> str:
    """What kind of data this is, in words."""
    names: Mapping[type, str] = {
        dict: "an object",
        list: "a list",
        str: "text",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(type(data), "a number")


def digested(data: Data) -> Data:
    """A copy with the digest of its content."""
    return {**data, "digest": digest(data)}


def digest(data: Data) -> str:
    """SHA-256 of its content."""
    content = {key: value for key, value in data.items() if key != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def parsed(held: bytes, name: str) -> Any:
    """What JSON can hold of a file's bytes. Raises CertificateError, with the file's name, for what is no JSON."""
    if len(held) > LARGEST:
        raise CertificateError(f"'{name}' is no certificate: it is larger than {LARGEST // 1_000_000} MB.")
    try:
        text = held.decode()
    except ValueError as cause:
        raise CertificateError(f"'{name}' is no certificate: it is not UTF-8 text.") from cause
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refused)
    except (ValueError, RecursionError) as cause:
        raise CertificateError(f"'{name}' is no certificate: it is not JSON.") from cause


def _load(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            held = file.read(LARGEST + 1)
    except OSError as cause:
        raise CertificateError(f"'{path}' cannot be read: {cause.strerror or cause}.") from cause
    return parsed(held, str(path))


def plain(data: Data | str | os.PathLike[str]) -> Any:
    """What JSON can hold of data, or what a file of that path holds. Raises CertificateError for what is no JSON."""
    if isinstance(data, str | os.PathLike):
        return _load(Path(data))
    try:
        return json.loads(json.dumps(data, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as cause:
        raise CertificateError("The certificate is not JSON data.") from cause


def _unique(pairs: list[tuple[str, Any]]) -> Data:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
