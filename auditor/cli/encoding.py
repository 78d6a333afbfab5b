"""What the standard streams can express: no output fails because of its encoding.

Names come from Zoom and from the file system, and the terminal may be cp1252, Latin-1, cp932 or
ASCII. A character that a stream cannot express is spelled out; files are always UTF-8.
"""

import codecs
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import typer

SPELL_OUT = "auditor.spell_out"
"""The name of the error handler."""

_PLAIN = {
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
"""The typography of our own texts, in ASCII."""


def settle_streams() -> None:
    """Let the standard streams of this process express every text. Closed ones lead nowhere.

    A file that is opened while a standard stream is closed would take its number, and everything
    that is printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    codecs.register_error(SPELL_OUT, _spell_out)
    sys.stdout = _expressive(sys.stdout)
    sys.stderr = _expressive(sys.stderr)
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")


def echo_json(text: str, *, newline: bool = True) -> None:
    """Print JSON. It is ASCII where standard output is not UTF-8, so that it is always valid."""
    typer.echo(text if _is_utf8(sys.stdout) else escaped(text), nl=newline)


def json_for_stderr(text: str) -> str:
    """JSON as standard error can express it, see `echo_json`."""
    return text if _is_utf8(sys.stderr) else escaped(text)


def escaped(json_text: str) -> str:
    """JSON in ASCII alone. What is not ASCII stands in strings, and may be escaped there."""
    if json_text.isascii():
        return json_text
    return "".join(char if char.isascii() else _escape(char) for char in json_text)


def stdout_for_text() -> BinaryIO:
    """Standard output for a text in UTF-8: written in the stream's own encoding."""
    return _recoded(lambda text: text)


def stdout_for_json() -> BinaryIO:
    """Standard output for JSON in UTF-8: ASCII where the stream is not UTF-8."""
    return _recoded(escaped)


class _AsciiStream(io.TextIOWrapper):
    """A stream that takes ASCII alone.

    It calls itself Latin-1: to a stream that calls itself ASCII, Typer writes UTF-8.
    """

    def __init__(self, buffer: Any) -> None:
        super().__init__(buffer, encoding="latin-1", write_through=True)

    def write(self, text: str, /) -> int:
        super().write(text.encode("ascii", SPELL_OUT).decode("ascii"))
        return len(text)


class _Recoded(io.RawIOBase):
    """Takes UTF-8 and writes it as text."""

    def __init__(self, stream: TextIO, spell: Callable[[str], str]) -> None:
        self._stream, self._spell = stream, spell
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._stream.write(self._spell(self._decoder.decode(bytes(data))))
        self._stream.flush()
        return len(data)


def _expressive(stream: TextIO | None) -> TextIO:
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    if codecs.lookup(stream.encoding).name == "ascii":
        return _AsciiStream(stream.detach())
    stream.reconfigure(errors=SPELL_OUT)
    return stream


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(char) or _spelled(char) for char in text), error.end


def _spelled(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _escape(char: str) -> str:
    return json.dumps(char).strip('"')


def _recoded(spell: Callable[[str], str]) -> BinaryIO:
    if _is_utf8(sys.stdout):
        return sys.stdout.buffer
    return io.BufferedWriter(_Recoded(sys.stdout, spell))


def _is_utf8(stream: TextIO) -> bool:
    return codecs.lookup(stream.encoding or "ascii").name == "utf-8"
