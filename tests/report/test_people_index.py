"""The search index lists everyone whom a row does not name, with the numbers of the rows."""

import json

from auditor.findings.rollup import Rollup, roll_up
from auditor.findings.run import Run
from auditor.report.people_index import NOT_IN_FILE, PeopleIndex
from auditor.report.truncation import FormatLimits, RunLimits, fit
from tests.report import worlds

ROOM = FormatLimits(names=3, all_names=10_000, rows=1000, all_rows=1000)


def index_of(run: Run, room: FormatLimits) -> tuple[PeopleIndex, Rollup, RunLimits]:
    rollup = roll_up(run, names=room.names)
    tables = [rollup.groups]
    bounds = fit(tables, room)
    return PeopleIndex(run, tables, bounds), rollup, bounds


def test_all_of_a_row_with_too_many_are_listed_with_its_number() -> None:
    run = worlds.large(users=50)
    index, rollup, bounds = index_of(run, ROOM)
    content = json.loads("".join(index.pieces()))
    for group in rollup.groups:
        number = index.row(group.verdict)
        if not bounds.unnamed(group):
            assert number is None
            continue
        listed = [name for name, at in content["people"] if number in content["rows"][at]]
        assert len(listed) == group.count


def test_a_page_whose_rows_name_everybody_has_no_list() -> None:
    index, *_ = index_of(
        worlds.large(users=50), FormatLimits(names=1000, all_names=99_999, rows=1000, all_rows=1000)
    )
    assert not index
    assert json.loads("".join(index.pieces())) == {"people": [], "rows": []}


def test_omitted_rows_are_distinguished_from_present_ones() -> None:
    run = worlds.large(users=50)
    index, rollup, _ = index_of(run, FormatLimits(names=1000, all_names=99_999, rows=1, all_rows=1))
    numbers = [index.row(group.verdict) for group in rollup.groups]
    assert numbers[0] != NOT_IN_FILE
    assert set(numbers[1:]) == {NOT_IN_FILE}


def test_no_name_ends_the_script_element() -> None:
    index, *_ = index_of(
        worlds.hostile(), FormatLimits(names=0, all_names=0, rows=1000, all_rows=1000)
    )
    text = "".join(index.pieces())
    assert not set(text) & set("<>&\u2028\u2029")
    json.loads(text)
