"""Where logins are kept: one JSON file that only its owner can read (mode 0600).

`$XDG_CONFIG_HOME/kaiwa/logins.json`, else `~/.config/kaiwa/logins.json`: by server the username,
the token and the last conversation.
"""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.cli.server_api import Login
from backend.protocol.reading import mapping_at, text_at


def login_path(environ: Mapping[str, str]) -> Path:
    """The file for this environment. A relative `XDG_CONFIG_HOME` does not count (its standard)."""
    base = Path(environ.get("XDG_CONFIG_HOME") or "")
    if not base.is_absolute():
        base = Path(environ.get("HOME") or Path.home()) / ".config"
    return base / "kaiwa" / "logins.json"


@dataclass(frozen=True, slots=True)
class LoginFile:
    """The logins of one person on this machine. What cannot be read counts as empty."""

    path: Path

    def login(self, server: str) -> Login | None:
        """The login at this server."""
        entry = mapping_at(self._read(), server)
        token = text_at(entry, "token")
        return Login(text_at(entry, "username") or "", token) if token else None

    def last_session(self, server: str) -> str:
        """The id of the last conversation at this server; empty if there is none."""
        return text_at(mapping_at(self._read(), server), "session") or ""

    def save(self, server: str, login: Login) -> None:
        """Keep this login, in place of an earlier one at the same server."""
        self._write(self._read() | {server: {"username": login.username, "token": login.token}})

    def save_session(self, server: str, session_id: str) -> None:
        """Keep which conversation was the last. Nothing is kept without a login."""
        logins = self._read()
        entry = mapping_at(logins, server)
        if entry and entry.get("session") != session_id:
            self._write(logins | {server: {**entry, "session": session_id}})

    def forget(self, server: str) -> None:
        """Remove the login at this server, if there is one."""
        logins = self._read()
        if logins.pop(server, None) is not None:
            self._write(logins)

    def _read(self) -> dict[str, Any]:
        try:
            # Another program may have widened it.
            if self.path.stat().st_mode & 0o077:
                self.path.chmod(0o600)
            logins = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return logins if isinstance(logins, dict) else {}

    def _write(self, logins: Mapping[str, Any]) -> None:
        """Replace the file in one step. `mkstemp` creates its file with mode 0600."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=self.path.parent)
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                json.dump(logins, file, indent=2)
            Path(name).replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
