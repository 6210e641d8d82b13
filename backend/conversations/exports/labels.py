"""The words of the readable formats (TXT, CSV, WebVTT), in the language of the session."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from backend.conversations.models import Session, Turn
from backend.conversations.reading import is_untranscribed
from backend.protocol.transcript.turns import Role, TurnStatus
from backend.wording import REPORTED


@dataclass(frozen=True, slots=True)
class Labels:
    """The words of one language. `conversation` has the placeholders `{name}` and `{time}`."""

    untitled: str
    conversation: str
    call: str
    assistant: str
    tool: str
    not_heard: str
    not_transcribed: str
    reported: str
    statuses: dict[str, str]

    def speaker(self, turn: Turn, username: str) -> str:
        """The name of the turn's speaker."""
        names = {Role.USER: username, Role.ASSISTANT: self.assistant, Role.TOOL: self.tool}
        return names[Role(turn.role)]

    def mark(self, turn: Turn) -> str:
        """The words for a turn that was not completed, such as "interrupted", and for one that only
        the browser saw; else empty. Speech without a text has its note instead of a status.
        """
        status = "" if is_untranscribed(turn) else self.statuses.get(turn.status, "")
        return "; ".join(word for word in (status, self.source(turn)) if word)

    def source(self, turn: Turn) -> str:
        """The words for a turn that only the browser saw; else empty."""
        return self.reported if turn.is_reported else ""

    def note(self, turn: Turn) -> str:
        """What stands in place of the text of the user's speech if none came; else empty."""
        return self.not_transcribed if is_untranscribed(turn) else ""


_BY_LANGUAGE = {
    Session.Language.ENGLISH: Labels(
        untitled="(untitled)",
        conversation="Conversation of {name}, {time}",
        call="Call of {time}",
        assistant="Assistant",
        tool="Tool",
        not_heard="not heard",
        not_transcribed="(not transcribed)",
        reported=REPORTED["en"],
        statuses={
            TurnStatus.INTERRUPTED: "interrupted",
            TurnStatus.FAILED: "failed",
            TurnStatus.IN_PROGRESS: "in progress",
        },
    ),
    Session.Language.JAPANESE: Labels(
        untitled="（無題）",
        conversation="{name} の会話、{time}",
        call="通話 {time}",
        assistant="アシスタント",
        tool="ツール",
        not_heard="再生されなかった部分",
        not_transcribed="（文字起こしなし）",
        reported=REPORTED["ja"],
        statuses={
            TurnStatus.INTERRUPTED: "途中で中断",
            TurnStatus.FAILED: "失敗",
            TurnStatus.IN_PROGRESS: "進行中",
        },
    ),
}


def labels_of(session: Session) -> Labels:
    """The words in the language of the session."""
    return _BY_LANGUAGE[Session.Language(session.language)]


def utc(time: datetime | None) -> str:
    """`2026-01-02 12:00:00`, as spreadsheets read it; empty if the time is unknown."""
    return "" if time is None else f"{time:%Y-%m-%d %H:%M:%S}"


def printable(text: str) -> str:
    """The text with `\\n` as its only line break, and without control characters but the tab.

    An escape sequence in a turn would otherwise act on the terminal that prints the file.
    """
    lines = "\n".join(text.splitlines())
    return "".join(char for char in lines if char in "\n\t" or unicodedata.category(char) != "Cc")
