"""Repeats: an answer that came before costs nothing again, and never stands for another one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.zoom.errors import ZoomError
from auditor.zoom.payload import parse_object
from auditor.zoom.redaction import redact_object
from auditor.zoom.repeats import KEPT, Repeats, without_secrets
from auditor.zoom.secrets import never_show
from auditor.zoom.transport import Answer


def answer(body: bytes, kind: str = "application/json", status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": kind}, body)


def fresh(body: bytes) -> Any:
    """What a body says, or the kind of error it is."""
    try:
        return redact_object(parse_object(body, "application/json", "GET /x"))
    except ZoomError as error:
        return type(error), error.detail


class Made:
    """Counts how often a document was made."""

    def __init__(self) -> None:
        self.repeats, self.times = Repeats(), 0

    def of(self, body: bytes, **other: Any) -> Any:
        def make() -> dict[str, Any]:
            self.times += 1
            return redact_object(parse_object(body, "application/json", "GET /x"))

        return self.repeats.document(answer(body, **other), make)


def compact(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def test_an_answer_that_came_twice_is_not_parsed_a_third_time() -> None:
    made = Made()
    first, second, third = (made.of(b'{"a":{"b":true}}') for _ in range(3))
    assert first == second
    assert third is second
    assert made.times == 2


def test_an_answer_that_differs_in_a_secret_is_the_same_document() -> None:
    made = Made()
    bodies = [b'{"x":{"pmi_password":"%d1111","on":true}}' % number for number in range(3)]
    documents = [made.of(body) for body in bodies]
    assert documents[0] == {"x": {"pmi_password": "[redacted]", "on": True}}
    assert documents[2] is documents[1]
    assert made.times == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"on":true}', b'{"on":false}'),
        (b'{"name":"a"}', b'{"name":"b"}'),
        (b'{"pmi_password":"1"}', b'{"pmi_password":""}'),
        (b'{"pmi_password":"1"}', b'{"pmi_password":null}'),
        (b'{"pmi_password":"1"}', b'{"pmi_passwort":"1"}'),
        (b'{"x\\"pwd":"1"}', b'{"x\\"pwd":"2"}'),
        (b'{"a":["pwd",":","b"]}', b'{"a":["pwd",":","c"]}'),
        (b'{"a":"\\"pwd\\":\\"b\\""}', b'{"a":"\\"pwd\\":\\"c\\""}'),
        (b'{"minimum_password_length":"8"}', b'{"minimum_password_length":"9"}'),
        (b'{"name":"Host key","value":"1"}', b'{"name":"Theme","value":"1"}'),
    ],
)
def test_what_differs_in_more_than_secrets_is_another_document(one: bytes, other: bytes) -> None:
    made = Made()
    for _ in range(3):
        assert (made.of(one), made.of(other)) == (fresh(one), fresh(other))
    assert made.times == 4


def test_a_name_that_comes_twice_is_never_settled_by_an_earlier_answer() -> None:
    made = Made()
    for _ in range(3):
        assert made.of(b'{"pwd":"a","pwd":"a"}') == {"pwd": "[redacted]"}
    with pytest.raises(ZoomError):
        made.of(b'{"pwd":"a","pwd":"b"}')


@pytest.mark.parametrize(
    ("body", "other"),
    [
        (b'{"a":1}', {"status": 404}),
        (compact({"a": ["x" * 1000] * 80}), {}),
    ],
    ids=["an error", "a large one"],
)
def test_errors_and_large_answers_are_looked_at_each_time(body: bytes, other: Any) -> None:
    made = Made()
    for _ in range(4):
        made.of(body, **other)
    assert made.times == 4


def test_another_content_type_is_another_answer() -> None:
    made = Made()
    for _ in range(3):
        made.of(b'{"a":1}')
    made.of(b'{"a":1}', kind="text/html")
    assert made.times == 3


def test_what_cannot_be_parsed_is_tried_each_time() -> None:
    made = Made()
    for _ in range(3):
        with pytest.raises(ZoomError):
            made.of(b'{"a":')
    assert made.times == 3


def test_a_secret_that_was_learned_since_is_not_shown() -> None:
    made = Made()
    for _ in range(3):
        assert made.of(b'{"a":"xyzzy-plugh-42"}') == {"a": "xyzzy-plugh-42"}
    never_show("xyzzy-plugh-42")
    assert made.of(b'{"a":"xyzzy-plugh-42"}') == {"a": "[redacted]"}


def test_the_oldest_goes_first() -> None:
    made = Made()
    bodies = [compact({"a": number, "b": ["x" * 1000] * 60}) for number in range(100, 150)]
    room = KEPT // len(bodies[0])
    assert room < len(bodies) - 1
    for body in bodies[: room + 1]:
        made.of(body)
        made.of(body)
    before = made.times
    made.of(bodies[room])
    made.of(bodies[1])
    assert made.times == before
    made.of(bodies[0])
    assert made.times == before + 1
    made.of(bodies[1])
    assert made.times == before + 2


def test_what_came_once_is_forgotten_where_too_much_came_once() -> None:
    made = Made()
    for number in range(4_001):
        made.of(compact({"a": number}))
    made.of(b'{"a":1}')
    made.of(b'{"a":4000}')
    before = made.times
    made.of(b'{"a":1}')
    made.of(b'{"a":4000}')
    assert made.times == before + 1


_NAMES = st.sampled_from(["pwd", "a", "value", "name", "host_key", 'x"pwd', "p\\", ":", "pwd\n"])
_TEXTS = st.one_of(
    st.sampled_from(["", "0", "1", ":", '"', '":"', '\\"', "pwd", "Host key", "é", "a\\"]),
    st.text(alphabet='ab":\\{}[],01', max_size=6),
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 2), _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner)),
    max_leaves=6,
)
_BITS = [b"0", b"1", b"a", b'"', b":", b"\\", b",", b"pwd", b'":"', b"\n", b"\xff"]
_BODIES = st.one_of(
    st.dictionaries(_NAMES, _VALUES).map(compact),
    st.lists(
        st.sampled_from(['"', ":", '":"', "pwd", "a", "{", "}", ",", "\\", "0", "1", "true", " "]),
        max_size=12,
    ).map(lambda parts: "{{{}}}".format("".join(parts)).encode()),
)


@given(_BODIES, st.data())
def test_bodies_that_are_taken_for_equal_are_so(body: bytes, data: st.DataObject) -> None:
    """One body, and another that differs in one place."""
    start = data.draw(st.integers(0, len(body)))
    other = body[:start] + data.draw(st.sampled_from(_BITS)) + body[start + 1 :]
    if without_secrets(body) == without_secrets(other):
        assert fresh(body) == fresh(other)


@given(st.dictionaries(_NAMES, _VALUES), st.text(alphabet="ab01", min_size=1, max_size=4))
def test_another_password_makes_no_other_document(document: dict[str, Any], password: str) -> None:
    one, other = ({**document, "pmi_password": each} for each in (password, f"{password}x"))
    assert fresh(compact(one)) == fresh(compact(other))
    same = without_secrets(compact(one)) == without_secrets(compact(other))
    used = [password, f"{password}x"]
    assert same or any(json.dumps(each) in json.dumps(document) for each in used)
