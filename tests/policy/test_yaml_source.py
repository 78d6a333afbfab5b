"""Policy files: YAML 1.2, and errors with file, line and key."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict

from auditor.errors import nearest
from auditor.evidence.reading import JsonValue
from auditor.policy.catalogue import yaml_source
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.yaml_source import MAX_BYTES, MAX_DEPTH, parse
from tests.builders import yaml_of


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    op: str
    level: Literal["account", "group"] = "account"


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str
    count: int = 0
    inner: Inner | None = None
    by_id: Mapping[str, Inner] = {}
    items: tuple[Inner, ...] = ()
    either: bool | list[int] = False
    free: JsonValue = None


def problems(text: str | bytes) -> list[str]:
    raw = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(PolicyError) as caught:
        yaml_source.load(parse(raw, "file.yaml"), Outer)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("2026-11-21", "2026-11-21"),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("<<", "<<"),
        ("=", "="),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("5", 5),
        ("+5", 5),
        ("-5", -5),
        ("012", 12),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ('"5"', "5"),
        ("'true'", "true"),
        ('""', ""),
        ("|-\n  5", "5"),
        ("1234567890123456789012", "1234567890123456789012"),
    ],
)
def test_scalars_are_read_by_the_rules_of_yaml_1_2(
    text: str, value: bool | float | int | str | None
) -> None:
    read = yaml_of(f"key: {text}\n").data["key"]
    assert read == value
    assert type(read) is type(value)


def test_keys_stay_texts_whatever_they_look_like() -> None:
    source = yaml_of("on: 1\nno: 2\n5: 3\ntrue: 4\nnull: 5\n2026-11-21: 6\n")
    assert source.data == {"on": 1, "no": 2, "5": 3, "true": 4, "null": 5, "2026-11-21": 6}


def test_every_key_and_item_knows_its_line() -> None:
    source = yaml_of("# first\ntitle: x\nitems:\n  - op: a\n  -\n    op: b\nby_id:\n  k: {op: c}\n")
    assert source.line(("title",)) == 2
    assert source.line(("items", 0)) == 4
    assert source.line(("items", 1)) == 6
    assert source.line(("items", 1, "op")) == 6
    assert source.line(("by_id", "k", "op")) == 8
    assert source.line(("by_id", "k", "missing", "deeper")) == 8
    assert source.line(("nowhere",)) == 2
    assert yaml_of("").line(("nowhere",)) == 1
    assert source.problem(("items", 1), "Wrong.") == "file.yaml:6: items.1: Wrong."
    assert source.problem((), "Wrong.") == "file.yaml:2: Wrong."


def test_a_key_that_stands_twice_is_an_error_with_both_lines() -> None:
    assert problems("title: a\nby_id:\n  AI-01: {op: x}\n  AI-02: {op: x}\n  AI-01: {op: y}\n") == [
        'file.yaml:5: "AI-01" is defined twice; the first is on line 3.'
    ]


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"title: \xff\xfe", "file.yaml: not UTF-8 text."),
        (b"#" * (MAX_BYTES + 1), "file.yaml: larger than 4 MiB."),
        (b"? [a, b]\n: 1\n", "file.yaml:1: a key must be plain text."),
        (b"title: a\nitems: [1, 2\n", "file.yaml:3: not valid YAML: "),
        (b"title: a\n  other: b\n", "file.yaml:2: not valid YAML: "),
        (b"a: 1\n---\nb: 2\n", "file.yaml:2: not valid YAML: "),
        (b"a: *nowhere\n", "file.yaml:1: not valid YAML: "),
        (b"a: \x00\n", "file.yaml: not valid YAML: "),
        (b"", "file.yaml:1: expected keys and values, found something else."),
        (b"- a\n- b\n", "file.yaml:1: expected keys and values, found something else."),
        (b"just text", "file.yaml:1: expected keys and values, found something else."),
    ],
    ids=lambda contents: repr(contents[:20]),
)
def test_what_is_no_policy_file_is_refused(raw: bytes, problem: str) -> None:
    (found,) = problems(raw)
    assert found.startswith(problem)


def test_deep_nesting_is_refused_with_its_line() -> None:
    deepest = "a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert yaml_of(deepest).data
    assert problems("a: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == [
        f"file.yaml:1: nested deeper than {MAX_DEPTH} levels."
    ]


def test_nesting_that_the_parser_cannot_follow_is_refused() -> None:
    (found,) = problems("[" * 100_000)
    assert found.startswith("file.yaml")


def test_an_alias_of_itself_is_refused() -> None:
    assert problems("a: &a [*a, *a]\n") == [f"file.yaml:1: nested deeper than {MAX_DEPTH} levels."]


def test_aliases_cannot_blow_up_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_source, "MAX_ITEMS", 1000)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 10):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]")
    (found,) = problems("\n".join(lines))
    assert found.endswith(": more than 1,000 keys and items.")


def test_a_long_text_that_aliases_repeat_counts_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_source, "MAX_BYTES", 1024 * 1024)
    text = "a: &a " + "x" * 10_000 + "\nb:\n"
    assert problems(text + "  - *a\n" * 150) == [
        "file.yaml:1: its aliases (*NAME) expand to more than 1 MiB. Write the entries out."
    ]
    assert len(parse((text + "  - *a\n" * 50).encode(), "file.yaml").data["b"]) == 50


def test_keys_that_aliases_repeat_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_source, "MAX_BYTES", 1024 * 1024)
    text = "a: &a\n  ? " + "k" * 10_000 + "\n  : 1\nb:\n" + "  - *a\n" * 150
    assert "expand to more than 1 MiB" in problems(text)[0]


def test_a_byte_order_mark_does_no_harm() -> None:
    assert parse(b"\xef\xbb\xbftitle: a\n", "file.yaml").data == {"title": "a"}


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"gone\.yaml: cannot be read: No such file"):
        yaml_source.read(tmp_path / "gone.yaml")
    with pytest.raises(PolicyError, match=r"cannot be read: Is a directory\."):
        yaml_source.read(tmp_path)


def test_a_file_is_called_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("title: a\ntilte: b\n", encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        yaml_source.load(yaml_source.read(path), Outer)
    assert caught.value.problems == (f'{path}:2: tilte: unknown key. Did you mean "title"?',)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "count: 1\n",
            'file.yaml:1: "title" is missing.',
        ),
        (
            "title: a\nbanana: 1\n",
            "file.yaml:2: banana: unknown key.",
        ),
        (
            "title: a\ninner:\n  opp: x\n  op: y\n",
            'file.yaml:3: inner.opp: unknown key. Did you mean "op"?',
        ),
        (
            "title: a\nby_id:\n  k:\n    op: x\n    levl: group\n",
            'file.yaml:5: by_id.k.levl: unknown key. Did you mean "level"?',
        ),
        (
            "title: a\nitems:\n  - op: x\n  - opp: y\n    op: z\n",
            'file.yaml:4: items.1.opp: unknown key. Did you mean "op"?',
        ),
        (
            "title: a\ninner: {}\n",
            'file.yaml:2: inner: "op" is missing.',
        ),
        (
            "title: 5\n",
            "file.yaml:1: title: expected a valid string, found int.",
        ),
        (
            "title: a\ncount: many\n",
            "file.yaml:2: count: expected a valid integer, unable to parse string as "
            'an integer, found "many".',
        ),
        (
            "title: a\ninner: {op: x, level: gruop}\n",
            "file.yaml:2: inner.level: expected 'account' or 'group', found "
            '"gruop". Did you mean "group"?',
        ),
        (
            "title: a\ninner: 5\n",
            "file.yaml:2: inner: expected a valid dictionary or instance of Inner, found int.",
        ),
    ],
)
def test_a_problem_says_file_line_key_and_what_was_expected(text: str, expected: str) -> None:
    assert problems(text) == [expected]


def test_all_problems_come_at_once() -> None:
    found = problems("titel: a\ncount: x\ninner: {op: 1}\n")
    assert len(found) == 4
    assert len(set(found)) == 4


def test_members_of_a_union_do_not_show_in_keys() -> None:
    found = problems("title: a\neither: {x: 1}\n")
    assert found
    assert all(each.startswith("file.yaml:2: either: expected ") for each in found)


def test_the_nearest_name_is_found_without_regard_to_case() -> None:
    assert nearest("ai-01", ["AI-01", "CN-05"]) == ' Did you mean "AI-01"?'
    assert nearest("zzz", ["AI-01", "CN-05"]) == ""
    assert nearest("x", []) == ""
