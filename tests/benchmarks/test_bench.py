"""The bench measures what it says, and a process that fails or hangs is told, not measured."""

import os
import sys
from pathlib import Path

import pytest

from benchmarks import bench
from benchmarks.bench import Bench, BenchmarkError, Workshop


@pytest.fixture
def shop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path, lambda _: None)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_processor_time_and_memory_are_those_of_the_process(shop: Workshop) -> None:
    spent = shop.finished(
        python("x = b'x' * 300_000_000\nfor _ in range(3_000_000): pass"), {}, within=60
    )
    assert spent.megabytes > 300
    assert spent.cpu > 0
    assert 0 < spent.seconds < 60


def test_a_process_that_hangs_is_stopped(shop: Workshop) -> None:
    with pytest.raises(BenchmarkError, match="Not done within 1 seconds"):
        shop.finished(python("import time; time.sleep(60)"), {}, within=1)


def test_a_process_that_fails_is_told_with_its_last_words(shop: Workshop) -> None:
    with pytest.raises(BenchmarkError, match=r"exit code 7\. no such account"):
        shop.finished(
            python("import sys; print('no such account', file=sys.stderr); sys.exit(7)"),
            {},
            within=60,
        )


def test_a_process_sees_no_credentials_of_this_machine(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOOM_CLIENT_SECRET", "mine")
    shop.finished(python("import os; print(os.environ.get('ZOOM_CLIENT_SECRET'))"), {}, within=60)
    assert (shop.folder / "process.out").read_text() == "None\n"


def test_a_process_runs_on_the_core_it_is_given(shop: Workshop) -> None:
    core = max(os.sched_getaffinity(0))
    before = os.sched_getaffinity(0)
    shop.finished(python("import os; print(os.sched_getaffinity(0))"), {}, within=60, core=core)
    assert (shop.folder / "process.out").read_text() == f"{{{core}}}\n"
    assert os.sched_getaffinity(0) == before


def test_no_more_memory_than_the_bench_itself_is_no_measurement() -> None:
    with pytest.raises(BenchmarkError, match="nothing was measured"):
        bench.require_more_than_own(1)


def test_a_sandbox_that_cannot_start_says_why(shop: Workshop) -> None:
    with pytest.raises(BenchmarkError, match="did not start"), shop.sandbox(60, scenario="none"):
        pass


def test_only_the_head_of_a_report_is_read(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text(
        '{"schema": "x",\n "summary": {"api": {"requests": 3}},\n "findings": [\n  {cut'
    )
    assert bench.summary_of(report) == {"api": {"requests": 3}}


def test_a_report_without_a_summary_is_told(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    report.write_text('{"schema": "x",\n "findings": []}')
    with pytest.raises(BenchmarkError, match=r"report\.json does not begin"):
        bench.summary_of(report)


@pytest.mark.parametrize(("scale", "users"), [(1, 1800), (0.1, 180), (0.001, 60)])
def test_sizes_shrink_with_the_scale_to_a_least(tmp_path: Path, scale: float, users: int) -> None:
    assert Bench(tmp_path, scale, print).sized(1800) == users
