"""Edits one line of typed text while captions are redrawn above it. Pure: keys in, lines out."""

import codecs
import unicodedata

_ENTER = "\r\n"
_BACKSPACE = "\x7f\b"
_CLEAR_LINE = "\x15"
_CLEAR_WORD = "\x17"
_END_OF_INPUT = "\x04"
_ESCAPE = "\x1b"


class LineEditor:
    """Takes the bytes of a terminal in cbreak mode. `text` is the line so far."""

    def __init__(self) -> None:
        self.text = ""
        self.has_ended = False
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._escape = ""

    def feed(self, keys: bytes) -> list[str]:
        """Apply these keys. Returns the lines that were completed; blank ones are left out."""
        lines: list[str] = []
        for key in self._decoder.decode(keys):
            if self._escape:
                self._in_escape(key)
            elif key in _ENTER:
                lines.append(self.text.strip())
                self.text = ""
            else:
                self._edit(key)
        return [line for line in lines if line]

    def _edit(self, key: str) -> None:
        if key == _ESCAPE:
            self._escape = key
        elif key in _BACKSPACE:
            self.text = self.text[:-1]
        elif key == _CLEAR_LINE:
            self.text = ""
        elif key == _CLEAR_WORD:
            self.text = self.text.rstrip().rpartition(" ")[0]
        elif key == _END_OF_INPUT:
            self.has_ended = self.has_ended or not self.text
        elif unicodedata.category(key) != "Cc":
            self.text += key

    def _in_escape(self, key: str) -> None:
        """Skip a key's escape sequence, such as an arrow: `ESC [ … letter`, `ESC O letter`."""
        self._escape += key
        is_sequence = self._escape[1] in "[O"
        if not is_sequence or (len(self._escape) > 2 and "@" <= key <= "~"):
            self._escape = ""
