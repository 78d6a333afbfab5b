"""Prometheus: readable by the client's parser, with names that promtool accepts."""

import re
from collections import defaultdict
from dataclasses import replace

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from auditor.evidence.scope import Level
from auditor.findings.model import Severity, Status
from auditor.findings.rollup import roll_up
from auditor.findings.run import Run
from tests.every_case import every_case
from tests.report import worlds
from tests.report.conftest import every_run, rendered
from tests.report.golden_run import golden


def written(run: Run) -> str:
    return rendered(run, "prometheus").decode("utf-8")


def families(run: Run) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(written(run))}


def values(run: Run, name: str, label: str) -> dict[str, float]:
    return {s.labels[label]: s.value for s in families(run)[name].samples}


def value(run: Run, name: str) -> float:
    (sample,) = families(run)[name].samples
    return float(sample.value)


def test_scopes_that_deviate_more_than_once_count_once() -> None:
    run = worlds.everything()
    expected = roll_up(run).deviating
    assert values(run, "auditor_deviating_scopes", "level") == expected
    assert expected[Level.USER] < run.summary.by_level[Level.USER]


def test_unknowns_are_counted_by_severity() -> None:
    run = worlds.everything()
    summary = replace(run.summary, unknown_by_severity={Severity.HIGH: 7})
    assert values(replace(run, summary=summary), "auditor_unknown", "severity") == {
        "critical": 0,
        "high": 7,
        "medium": 0,
        "low": 0,
    }


def test_the_facts_of_the_run_are_numbers() -> None:
    run = worlds.everything()
    assert value(run, "auditor_run_complete") == 0
    assert value(worlds.clean(), "auditor_run_complete") == 1
    assert value(run, "auditor_exit_code") == 1
    assert value(run, "auditor_run_timestamp_seconds") == 1795298670.25
    assert value(run, "auditor_run_duration_seconds") == 390.25
    assert value(run, "auditor_api_requests") == 923
    assert value(run, "auditor_api_retries") == 4
    assert value(run, "auditor_api_rate_limited") == 2
    assert value(run, "auditor_read_errors") == 2
    assert value(run, "auditor_controls") == len(worlds.CONTROLS)


def test_large_numbers_are_written_to_the_last_digit() -> None:
    run = worlds.clean()
    summary = replace(run.summary, by_status={Status.PASS: 123_456_789})
    assert values(replace(run, summary=summary), "auditor_checks", "status")["pass"] == 123_456_789


def test_waivers_are_counted_by_state() -> None:
    assert values(golden(), "auditor_waivers", "state") == {
        "active": 0,
        "expiring": 0,
        "expired": 1,
        "unmatched": 0,
        "unknown": 0,
    }


@every_case("any_run", every_run)
def test_every_sample_names_account_and_baseline(any_run: Run) -> None:
    for family in families(any_run).values():
        for sample in family.samples:
            assert sample.labels["account"] == any_run.info.account_id
            assert sample.labels["baseline"]


def test_the_facts_that_are_words_are_labels() -> None:
    (sample,) = families(golden())["auditor_run_info"].samples
    assert sample.value == 1
    assert sample.labels["run"] == "20261121T215800Z-7f3a"
    assert sample.labels["version"] == "0.1.0"


@every_case("any_run", every_run)
def test_names_and_help_are_as_promtool_lints_them(any_run: Run) -> None:
    text = written(any_run)
    helped = re.findall(r"^# HELP (\S+) (.+)$", text, re.M)
    typed = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)
    names = [name for name, _ in helped]
    assert [(name, "gauge") for name in names] == typed
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"auditor_[a-z]+(_[a-z]+)*", name)
        assert not name.endswith(("_total", "_count", "_sum", "_bucket", "_gauge"))
        assert not re.search(r"_(ms|minutes|hours|milliseconds)$", name)
    assert text.endswith("\n")
    assert all(line.startswith(("# ", "auditor_")) for line in text.splitlines())


@every_case("any_run", every_run)
def test_no_sample_comes_twice(any_run: Run) -> None:
    seen: defaultdict[str, int] = defaultdict(int)
    for line in written(any_run).splitlines():
        seen[line.rpartition(" ")[0]] += not line.startswith("#")
    assert max(seen.values()) == 1


@every_case("words", [*worlds.HOSTILE.values(), "back\\slash\n", 'a"b'])
def test_hostile_labels_are_escaped(words: str) -> None:
    run = worlds.clean()
    text = written(replace(run, info=replace(run.info, account_id=words)))
    families = list(text_string_to_metric_families(text))
    labels = {s.labels["account"] for family in families for s in family.samples}
    assert len(labels) == 1
    (label,) = labels
    assert not set(label) & set("\x00\n\r\x1b\x9b\u202e\u2028\ud83d")
    if words.isprintable() and len(words) < 100:
        assert label == words
    assert len(text.splitlines()) == len(written(run).splitlines())


def test_the_size_does_not_depend_on_the_account() -> None:
    assert abs(len(written(worlds.large(5_000))) - len(written(worlds.large(50)))) < 100
