"""What layers became, remembered by key in a folder of the user's, so that nothing is made twice.

An entry begins with the hash of the rest: one that was damaged, or cut off, is not there. Entries are written beside their
place and renamed, so several processes may share the folder; the oldest go when there are too many. A folder that can't be
used costs time and nothing else. Like the packages that are installed, the folder is as trustworthy as its owner.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

from derive.artifacts import FORGOTTEN, Made

__all__ = ["Cache", "users_cache"]

_FORMAT = "3"
_DIGEST = 64


@dataclass(frozen=True, slots=True)
class Cache:
    """Entries in a folder of at most about so many bytes."""

    folder: Path
    most: int = 256_000_000

    def recall(self, key: str) -> Made | None:
        """What was kept under this key, or None."""
        path = self._path(key)
        try:
            held = path.read_bytes()
            digest, body = held[:_DIGEST], held[_DIGEST:]
            if sha256(key.encode() + body).hexdigest().encode() != digest:
                return None
        except OSError:
            return None
        with suppress(OSError):  # a folder that may only be read is as good
            os.utime(path)
        data = json.loads(body)
        return Made(data["files"], data["listed"], data["shown"])

    def keep(self, key: str, made: Made) -> None:
        """Keep it for the next time, if that can be done."""
        body = json.dumps(asdict(made), ensure_ascii=False).encode()
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(dir=self.folder, prefix="new-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(sha256(key.encode() + body).hexdigest().encode() + body)
                Path(beside).replace(self._path(key))
            finally:
                Path(beside).unlink(missing_ok=True)
            self._prune()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.{_FORMAT}"

    def _prune(self) -> None:
        """Remove what was used longest ago, beyond the size; and what was begun and left."""
        found = []
        for entry in os.scandir(self.folder):
            if entry.name.endswith(".json"):
                continue  # a calibration, which is no entry
            with suppress(OSError):
                state = entry.stat(follow_symlinks=False)
                found.append((state.st_mtime, state.st_size, Path(entry.path)))
        total, now = 0, max((used for used, _, _ in found), default=0)
        for used, size, path in sorted(found, reverse=True):
            left = path.name.startswith("new-") and now - used > FORGOTTEN
            total += size
            if total > self.most or left:
                path.unlink(missing_ok=True)


def users_cache() -> Cache:
    """The cache in DERIVE_CACHE_DIR, or where this system keeps a user's caches."""
    named = os.environ.get("DERIVE_CACHE_DIR")
    if named:
        return Cache(Path(named))
    from platformdirs import user_cache_dir

    return Cache(Path(user_cache_dir("derive", appauthor=False)))
