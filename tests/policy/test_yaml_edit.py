"""Editing hand-written YAML: comments and order are preserved, unsafe edits are rejected."""

import pytest

from auditor.evidence.reading import JsonValue
from auditor.policy.baseline import yaml_edit
from auditor.policy.catalogue.errors import PolicyError

ENTRY = {"control": "TR-01", "statement": "It: is #1"}


def appended(text: str) -> str:
    return yaml_edit.append_entry(text, "rows", ENTRY, "f.yaml")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "rows:\n  - control: TR-01\n    statement: 'It: is #1'\n"),
        ("# c\na: 1", "# c\na: 1\n\nrows:\n  - control: TR-01\n    statement: 'It: is #1'\n"),
        (
            "rows: []  # none\nb: 2\n",
            "rows:  # none\n  - control: TR-01\n    statement: 'It: is #1'\nb: 2\n",
        ),
        ("rows:\nb: 2\n", "rows:\n  - control: TR-01\n    statement: 'It: is #1'\nb: 2\n"),
        (
            "rows:\n- a: 1  # x\n# end\nb: 2\n",
            "rows:\n- a: 1  # x\n- control: TR-01\n  statement: 'It: is #1'\n# end\nb: 2\n",
        ),
        (
            "rows:\n    - a: |\n        x\n        y\n\n# end\n",
            "rows:\n    - a: |\n        x\n        y\n\n    - control: TR-01\n"
            "      statement: 'It: is #1'\n# end\n",
        ),
    ],
)  # fmt: skip
def test_an_entry_comes_behind_the_last_one(before: str, after: str) -> None:
    assert appended(before) == after


@pytest.mark.parametrize(
    "text",
    ["{a: 1}\n", "rows: [{a: 1}]\n", "rows: text\n", "- a\n", "a: &x [1]\nrows: *x\n"],
)
def test_what_cannot_be_edited_safely_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match=r"f\.yaml: .*(edit it by hand|unknown)"):
        appended(text)


def test_what_is_not_yaml_is_refused_with_its_line() -> None:
    with pytest.raises(PolicyError, match=r"f\.yaml:2: not valid YAML"):
        appended("a: [\n")


def test_a_field_is_set_in_one_entry() -> None:
    text = "rows:\n  - {a: 1, b: 2}  # x\n  - a: 1\n    b: 2\n  - b: 2"
    found = yaml_edit.set_in_entry(text, "rows", 0, "c", True, after="a", name="f.yaml")
    found = yaml_edit.set_in_entry(found, "rows", 1, "c", False, after="a", name="f.yaml")
    assert found == (
        "rows:\n  - {a: 1, c: true, b: 2}  # x\n  - a: 1\n    c: false\n    b: 2\n  - b: 2"
    )
    with pytest.raises(PolicyError, match="edit it by hand"):
        yaml_edit.set_in_entry(text, "rows", 2, "c", True, after="a", name="f.yaml")
    found = yaml_edit.set_in_entry(text, "rows", 2, "c", True, after="b", name="f.yaml")
    assert found.endswith("  - b: 2\n    c: true\n")
    with pytest.raises(PolicyError, match="edit it by hand"):
        yaml_edit.set_in_entry("rows: 1\n", "rows", 0, "c", True, after="a", name="f.yaml")


def test_an_entry_is_removed_with_its_lines_alone() -> None:
    text = "rows:\n  # one\n  - a: 1\n  # two\n  - a: 2\n    b: 3\n# end\n"
    assert yaml_edit.remove_entry(text, "rows", 1, "f.yaml") == (
        "rows:\n  # one\n  - a: 1\n  # two\n# end\n"
    )
    with pytest.raises(PolicyError, match="edit it by hand"):
        yaml_edit.remove_entry("rows: [{a: 1}]\n", "rows", 0, "f.yaml")


def with_value(text: str, value: JsonValue, comment: str = "") -> str:
    return yaml_edit.set_in_mapping(text, "parameters", "p", value, "f.yaml", comment=comment)


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("", 1, "parameters:\n  p: 1\n"),
        ("# c\na: 1", True, "# c\na: 1\n\nparameters:\n  p: true\n"),
        ("parameters: {}  # none\nb: 2\n", 1, "parameters:  # none\n  p: 1\nb: 2\n"),
        ("parameters:\nb: 2\n", 1, "parameters:\n  p: 1\nb: 2\n"),
        ("parameters: {a: 1}  # x\n", "y", 'parameters: {a: 1, p: "y"}  # x\n'),
        ("parameters: {p: [a, b], c: 1}\n", ["a"], "parameters: {p: [a], c: 1}\n"),
        (
            "parameters:\n    a:\n      - 1\n# end\n",
            ["NO", "a b"],
            'parameters:\n    a:\n      - 1\n    p: ["NO", a b]\n# end\n',
        ),
        (
            "parameters:\n  p:  # why\n    - a\n    - b\n  c: 1  # x\n",
            ["c"],
            "parameters:\n  p: [c]\n  c: 1  # x\n",
        ),
        ("parameters:\n  p: 30  # law\n  c: 1\n", 60, "parameters:\n  p: 60  # law\n  c: 1\n"),
        ("parameters:\n  p: >-\n    long\n  c: 1\n", "s", "parameters:\n  p: s\n  c: 1\n"),
        ("parameters:\n  p:\n  c: 1\n", "1e3", 'parameters:\n  p: "1e3"\n  c: 1\n'),
    ],
)  # fmt: skip
def test_a_field_is_set_or_replaced_and_all_else_stays(
    before: str, value: JsonValue, after: str
) -> None:
    assert with_value(before, value) == after


def test_a_new_field_has_its_comment_above_it() -> None:
    assert with_value("parameters:\n  a: 1\n", 2, "why " * 30).splitlines()[1:] == [
        "  a: 1",
        "  # " + " ".join(["why"] * 19),
        "  # " + " ".join(["why"] * 11),
        "  p: 2",
    ]


@pytest.mark.parametrize(
    "text", ["{a: 1}\n", "parameters: [1]\n", "a: &x {b: 1}\nparameters: *x\n"]
)
def test_a_mapping_that_cannot_be_edited_safely_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match=r"f\.yaml: .*(edit it by hand|unknown)"):
        with_value(text, 1)
