"""What a stream cannot express is spelled out, in this process."""

import io
import json
import sys
from collections.abc import Callable, Iterator

import pytest

from auditor.cli import encoding

TEXT = "Łódź… “🎉” → \ud83d"


@pytest.fixture
def lossless_stdout(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], io.BytesIO]]:
    """Settles this process with a standard output of an encoding; what was written to it."""
    opened = []

    def install(name: str) -> io.BytesIO:
        out = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, name))
        monkeypatch.setattr(sys, "stderr", None)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9\n"), "utf-8"))
        encoding.make_streams_lossless()
        opened.append(sys.stderr)
        return out

    yield install
    monkeypatch.undo()
    for each in opened:
        each.close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("utf-8", "Łódź… “🎉” → \\ud83d".encode()),
        ("latin-1", rb"\u0141" + "ó".encode("latin-1") + rb'd\u017a... "\U0001f389" -> \ud83d'),
        ("ascii", rb'\u0141\xf3d\u017a... "\U0001f389" -> \ud83d'),
    ],
)
def test_text_is_spelled_out_where_the_encoding_has_no_character(
    lossless_stdout: Callable[[str], io.BytesIO], name: str, expected: bytes
) -> None:
    out = lossless_stdout(name)
    sys.stdout.write(TEXT)
    sys.stdout.flush()
    assert out.getvalue() == expected


@pytest.mark.parametrize("name", ["utf-8", "ascii", "cp932"])
def test_json_means_the_same_in_every_encoding(
    lossless_stdout: Callable[[str], io.BytesIO], name: str
) -> None:
    out = lossless_stdout(name)
    value = {"name": f"{TEXT}\x7f\x1b[8m\u202e\u0085z{chr(0x301) * 9}"}
    encoding.echo_json(json.dumps(value, ensure_ascii=False, indent=1))
    written = out.getvalue().decode(name)
    assert json.loads(written) == value
    assert not any(steering in written for steering in "\x7f\x1b\u202e\u0085")


@pytest.mark.parametrize("name", ["utf-8", "latin-1", "ascii"])
def test_json_of_several_lines_stays_json(
    lossless_stdout: Callable[[str], io.BytesIO], name: str
) -> None:
    out = lossless_stdout(name)
    group = {"group": f"Büro {TEXT}\n\x1b[2J"}
    encoding.echo_json(json.dumps(group, indent=2, ensure_ascii=False))
    sys.stdout.flush()
    assert json.loads(out.getvalue().decode(name)) == group
    assert out.getvalue().count(b"\n") == 3


def test_a_report_is_recoded_piece_by_piece(lossless_stdout: Callable[[str], io.BytesIO]) -> None:
    written = lossless_stdout("latin-1")
    out = encoding.stdout_for_text()
    for byte in "né…".encode():
        out.write(bytes((byte,)))
        out.flush()
    assert written.getvalue() == b"n\xe9..."


def test_streams_that_are_not_there_lead_nowhere_and_input_never_fails(
    lossless_stdout: Callable[[str], io.BytesIO],
) -> None:
    lossless_stdout("utf-8")
    assert sys.stderr.write("to nobody") == 9
    assert sys.stdin.readline() == "caf\ufffd\n"


def test_only_what_cannot_be_encoded_is_spelled_out(
    lossless_stdout: Callable[[str], io.BytesIO],
) -> None:
    lossless_stdout("utf-8")
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", encoding.ERROR_HANDLER)
