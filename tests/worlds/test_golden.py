"""Whole reports of four whole worlds, compared with those that somebody has reviewed.

    AUDITOR_UPDATE_GOLDEN=1 python -m pytest tests/worlds/test_golden.py

writes them anew; review the difference before keeping it.
"""

import json
import os
from difflib import unified_diff

import pytest

from tests.worlds.conftest import CASES, Audited
from tests.worlds.golden import FOLDER, UPDATE, folded, rows, text

UPDATING = bool(os.environ.get(UPDATE))
"""Read here: the tests themselves run without any of our variables."""


@pytest.mark.parametrize(
    ("world", "baseline"),
    [
        pytest.param(*case, marks=[pytest.mark.slow] if case[1] != "strict" else [])
        for case in CASES
    ],
)
def test_the_report_of_a_whole_world_is_the_one_that_was_reviewed(
    audited: Audited, world: str, baseline: str
) -> None:
    file = FOLDER / f"{world}.{baseline}.json"
    found = text(folded(audited(world, baseline)))
    if UPDATING:
        file.write_text(found, encoding="utf-8")
    kept = file.read_text(encoding="utf-8")
    difference = list(unified_diff(kept.splitlines(), found.splitlines(), "kept", "found", n=0))
    shown = "\n".join(line[:300] for line in difference[:60])
    advice = f"if that is intended: {UPDATE}=1 python -m pytest tests/worlds/test_golden.py"
    assert not difference, f"{len(difference)} lines differ; {advice}\n{shown}"


def test_every_expected_report_belongs_to_a_world() -> None:
    files = {file.name for file in FOLDER.glob("*")}
    assert files == {f"{world}.{baseline}.json" for world, baseline in CASES}


def test_an_expected_report_says_all_that_the_report_says(audited: Audited) -> None:
    """Folding and writing lose no finding, no value and no scope."""
    report = audited("partial", "strict")
    kept = json.loads(text(folded(report)))
    assert {**kept, "findings": 0} == {**folded(report), "findings": 0}
    assert len(list(rows(kept))) == len(report["findings"])
    told = {(r["control"], r["kind"], r["setting"], r["level"], r["id"]): r for r in rows(kept)}
    for finding in report["findings"]:
        scope = finding["scope"]
        key = (*(finding[k] for k in ("control", "kind", "setting")), scope["level"], scope["id"])
        row = told[key]
        for name, value in finding.items():
            if name in row:
                assert row[name] == value
            else:
                assert name in {
                    "title",
                    "scope",
                    "fingerprint",
                    "observed_at",
                    "first_seen",
                    "detail",
                } or (value in (None, "", [], False))
