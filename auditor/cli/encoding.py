"""Encoding of the standard streams: no output fails because a character cannot be encoded.

Names come from Zoom and from the file system, and the terminal may use cp1252, Latin-1, cp932 or
ASCII. A character that a stream cannot encode is escaped; files are always UTF-8.
"""

import codecs
import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import typer

from auditor.plain_text import printable

ERROR_HANDLER = "auditor.spell_out"
"""The name of the error handler."""

_COLOUR_VARIABLES = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS")
"""Variables that make Typer print colours even without a terminal."""
_COLOUR = re.compile(
    r"(\x1b\[(?:0|(?:[1-479]|3[1-7]|9[0-7]|4[0-7])(?:;(?:[1-479]|[349][0-7]))*)?m)"
)
"""Colours, bold, dim, italic and underlined. Nothing that conceals text or moves the cursor."""
_UNSAFE = re.compile(r"[^\n\t\x20-\x7e]")

_DELETE = "\x7f"
"""The one control character that JSON leaves unescaped in a string."""

_ASCII_TYPOGRAPHY = {
    "…": "...",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "–": "-",
    "—": "-",
    "·": "-",
    "•": "*",
    "→": "->",
}
"""ASCII replacements for the typography of our own texts."""


def make_streams_lossless() -> None:
    """Let the standard streams of this process express every text. Closed streams go to the null
    device.

    A file opened while a standard stream is closed would get its number, and everything printed to
    it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    codecs.register_error(ERROR_HANDLER, _replace_unencodable)
    sys.stdout = _lossless(sys.stdout)
    sys.stderr = _lossless(sys.stderr)
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")


def echo_json(text: str, *, newline: bool = True) -> None:
    """Print JSON. It is ASCII if standard output is not UTF-8, so that it is always valid."""
    typer.echo(_for_stdout(text), nl=newline)


def json_for_stderr(text: str) -> str:
    """JSON as standard error can encode it, see `echo_json`."""
    return _legible(text) if _is_utf8(sys.stderr) else escaped(text)


def escaped(json_text: str) -> str:
    """JSON in ASCII only. Non-ASCII characters occur only in strings, where they can be escaped."""
    if json_text.isascii() and _DELETE not in json_text:
        return json_text
    return "".join(char if char < _DELETE else _escape(char) for char in json_text)


def stdout_for_text() -> BinaryIO:
    """Standard output that accepts UTF-8 text and writes it in the stream's own encoding."""
    return io.BufferedWriter(_Recoded(sys.stdout, lambda text: text))


def stdout_for_json() -> BinaryIO:
    """Standard output that accepts UTF-8 JSON and writes ASCII if the stream is not UTF-8."""
    return io.BufferedWriter(_Recoded(sys.stdout, _for_stdout))


class _Console(io.TextIOWrapper):
    """A standard stream that escapes everything that could control a terminal.

    All output passes through it, so it also covers names that were not escaped earlier. Our own
    colours pass if colours are allowed. New lines pass too: only the writer of a field knows that
    the field must not contain any.

    An ASCII stream reports Latin-1 as its encoding: Typer writes UTF-8 to a stream that reports
    ASCII.
    """

    def __init__(self, stream: io.TextIOWrapper) -> None:
        encoding, buffering = stream.encoding, stream.line_buffering
        self._ascii = codecs.lookup(encoding).name == "ascii"
        self._painted = stream.isatty() or any(map(os.environ.get, _COLOUR_VARIABLES))
        super().__init__(
            stream.detach(),
            encoding="latin-1" if self._ascii else encoding,
            errors=ERROR_HANDLER,
            line_buffering=buffering,
            write_through=self._ascii,
        )

    def write(self, text: str, /) -> int:
        self.draw(_escape_unsafe(text, painted=self._painted))
        return len(text)

    def draw(self, text: str) -> int:
        """Write text that moves the cursor on purpose."""
        shown = text.encode("ascii", ERROR_HANDLER).decode("ascii") if self._ascii else text
        return super().write(shown)


class Drawing:
    """Standard error, as it is now, for a progress bar that is redrawn."""

    def __init__(self) -> None:
        self._stream = sys.stderr

    def write(self, text: str) -> int:
        """Write `text` unchanged."""
        stream = self._stream
        return stream.draw(text) if isinstance(stream, _Console) else stream.write(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """True if the stream is a terminal."""
        return self._stream.isatty()


class _Recoded(io.RawIOBase):
    """A binary stream that decodes UTF-8 and writes it to a text stream."""

    def __init__(self, stream: TextIO, spell: Callable[[str], str]) -> None:
        self._stream, self._spell = stream, spell
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._stream.write(self._spell(self._decoder.decode(bytes(data))))
        self._stream.flush()
        return len(data)


def _lossless(stream: TextIO | None) -> TextIO:
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    return _Console(stream)


def _escape_unsafe(text: str, *, painted: bool) -> str:
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    if not painted:
        return _escape_controls(text)
    pieces = _COLOUR.split(text)
    return "".join(piece if at % 2 else _escape_controls(piece) for at, piece in enumerate(pieces))


def _escape_controls(text: str) -> str:
    return _UNSAFE.sub(lambda found: printable(found[0]), text)


def _replace_unencodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_ASCII_TYPOGRAPHY.get(char) or _escaped(char) for char in text), error.end


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _escape(char: str) -> str:
    return "\\u007f" if char == _DELETE else json.dumps(char).strip('"')


def _for_stdout(json_text: str) -> str:
    return _legible(json_text) if _is_utf8(sys.stdout) else escaped(json_text)


def _legible(json_text: str) -> str:
    """JSON in which characters that could control a terminal are JSON escapes, so its value is
    unchanged."""
    if json_text.isascii() and _DELETE not in json_text:
        return json_text
    # Below DELETE, a JSON text contains only printable characters and white space.
    return "".join(
        char if char < _DELETE or printable(char) == char else _escape(char) for char in json_text
    )


def _is_utf8(stream: TextIO) -> bool:
    return codecs.lookup(stream.encoding or "ascii").name == "utf-8"
