import json

import pytest

from auditor.evidence.reading import JsonValue
from auditor.report.display import json_text
from tests.every_case import every_case
from tests.report import worlds


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_cannot_say_become_strings(odd: float) -> None:
    assert json.loads(json_text([{"deep": odd}])) == [{"deep": str(odd)}]


@every_case("name", worlds.HOSTILE)
def test_no_name_leaves_anything_that_a_strict_reader_refuses(name: str) -> None:
    text = json_text({name: [name]})
    text.encode("utf-8")
    assert "\\u0000" not in text.replace("\\\\", "")
    assert not set(text) & set("\x1b\x9b\x07\u202e\u200f\u2028\x00")
    assert len(text.splitlines()) == 1


def test_line_breaks_of_longer_texts_stay() -> None:
    assert json.loads(json_text("a\nb\x00")) == "a\nb\\x00"


def test_other_values_stay_as_they_are() -> None:
    value: JsonValue = {"a": [1, 2.5, True, None, "ü"]}
    assert json.loads(json_text(value)) == value
