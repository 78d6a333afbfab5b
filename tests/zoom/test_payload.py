from typing import Any

import pytest

from auditor.zoom.errors import Malformed, Transient
from auditor.zoom.payload import DEEPEST, parse_object

REQUEST = "GET /users"


def parse(body: bytes, kind: str = "application/json;charset=UTF-8") -> dict[str, Any]:
    return parse_object(body, kind, REQUEST)


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize("kind", ["application/json", "application/problem+json; x=y", ""])
def test_a_json_object_is_read(kind: str) -> None:
    assert parse('{"a": "é"}'.encode(), kind) == {"a": "é"}


def test_numbers_keep_their_kind() -> None:
    assert parse(b'{"a": 1.5, "b": 2, "c": -0.0}') == {"a": 1.5, "b": 2, "c": 0.0}


def test_a_byte_order_mark_is_no_harm() -> None:
    assert parse(b"\xef\xbb\xbf{}") == {}


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        (b"", "application/json", "empty"),
        (b" \n", "application/json", "empty"),
        (b"<html></html>", "text/html", "text/html"),
    ],
)
def test_an_empty_answer_or_a_page_is_asked_for_again(body: bytes, kind: str, says: str) -> None:
    with pytest.raises(Malformed, match=says) as caught:
        parse(body, kind)
    assert caught.value.worth_retrying


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[]", "not an object"),
        (b'"text"', "not an object"),
        (b"null", "not an object"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
        (b'{"a": true, "a": false}', "twice"),
        (b'{"a": 1, "a": true}', "twice"),
        (nested(DEEPEST + 1), "levels"),
        (b'{"a":' + b"[" * (DEEPEST) + b"]" * (DEEPEST) + b"}", "levels"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep"),
    ],
)
def test_what_is_no_settings_document_is_malformed_for_good(body: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says) as caught:
        parse(body)
    assert not caught.value.worth_retrying


def test_the_deepest_allowed_document_is_read() -> None:
    assert parse(nested(DEEPEST))


def test_a_document_of_many_small_objects_is_not_deep() -> None:
    assert len(parse(b'{"a": [' + b"{}," * 200 + b"{}]}")["a"]) == 201


def test_a_key_repeated_with_the_same_value_is_harmless() -> None:
    assert parse(b'{"a": 1, "a": 1}') == {"a": 1}


@pytest.mark.parametrize("body", [b'{"a": tr', b"not json", b'{"a": 1} x'])
def test_cut_off_json_is_asked_for_again(body: bytes) -> None:
    with pytest.raises(Transient, match="JSON"):
        parse(body, "")


def test_half_a_character_does_not_spoil_the_document() -> None:
    body = rb'{"\ud83d": ["\ud83d\ude00 ok", "cut \ud83d", 1]}'
    assert parse(body) == {"\ufffd": ["😀 ok", "cut \ufffd", 1]}
