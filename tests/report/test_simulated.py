"""A simulated run says so in every format, and one from Zoom never does."""

import io
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from auditor.findings.run import Run
from auditor.notify.message import compose
from auditor.notify.triggers import RunEvent
from auditor.report import FORMATS
from auditor.report.answers import as_json
from tests.notify.news import facts
from tests.report import worlds

LOCAL = "http://127.0.0.1:8000/v2"
FLAG = {
    "json": ('"simulated": true', '"simulated": false'),
    "ndjson": ('"simulated": true', '"simulated": false'),
    "csv": ('"true"', '"false"'),
    "junit": ('name="simulated" value="yes"', 'name="simulated" value="no"'),
    "prometheus": ('baseline="strict"} 1', 'baseline="strict"} 0'),
    "sarif": ('"simulated": true', '"simulated": false'),
    "oscal": ('"value": "yes"', '"value": "no"'),
}
"""Formats for programs carry a flag either way; those for people a warning or nothing."""


def rendered(name: str, run: Run) -> str:
    data = worlds.report_of(run, name)
    if name == "xlsx":
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            data = b"".join(book.read(part) for part in book.namelist())
    return data.decode("utf-8", "replace")


def simulated(run: Run) -> Run:
    return replace(run, info=replace(run.info, simulated=True, api_url=LOCAL))


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - {"bundle", "pdf"}))
def test_every_format_marks_a_simulated_run_and_no_other(name: str) -> None:
    made_up, real = (
        rendered(name, simulated(worlds.everything())),
        rendered(name, worlds.everything()),
    )
    if name in FLAG:
        yes, no = FLAG[name]
        spaced = (made_up.replace('":true', '": true'), real.replace('":false', '": false'))
        assert yes in spaced[0]
        assert no in spaced[1]
    word = "SIMULATED" if name == "html" else "simulated"
    assert word.casefold() in made_up.casefold()
    if name not in FLAG:
        assert word not in (real if name == "html" else real.casefold())


@pytest.mark.parametrize("name", ["html", "text", "markdown", "xlsx"])
def test_people_read_first_that_it_says_nothing_about_a_real_account(name: str) -> None:
    text = " ".join(rendered(name, simulated(worlds.everything())).split())
    assert "It says nothing about a real account." in text
    if name != "xlsx":
        body = text[text.find("<header") :] if name == "html" else text
        assert body.find("SIMULATED") < body.find("is on for 17 people")


def test_answers_and_messages_are_marked_too() -> None:
    run: Any = as_json(simulated(worlds.everything()), [])["run"]
    assert run["simulated"] is True
    assert compose(RunEvent(later=replace(facts(), simulated=True))).subject.startswith(
        "SIMULATED "
    )
    assert not compose(RunEvent(later=facts())).subject.startswith("SIMULATED")
