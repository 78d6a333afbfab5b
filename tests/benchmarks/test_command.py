"""The command prints every figure with its target, and one broken case does not end the others."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from benchmarks import __main__ as command
from benchmarks.bench import Bench, BenchmarkError
from benchmarks.interface import Figure, at_least, at_most


class Good:
    name: ClassVar[str] = "good"

    def run(self, bench: Bench) -> Iterator[Figure]:
        yield Figure(
            "speed", 800 * bench.sized(100) / 100, "users/s", at_least(400), "idle machine"
        )


class Slow:
    name: ClassVar[str] = "slow"

    def run(self, bench: Bench) -> Iterator[Figure]:
        yield Figure("time", 90, "s", at_most(60))


class Broken:
    name: ClassVar[str] = "broken"

    def run(self, bench: Bench) -> Iterator[Figure]:
        yield Figure("half", 1, "s", at_most(60))
        raise BenchmarkError("Not done within 5 seconds; stopped.")


@pytest.fixture(autouse=True)
def _cases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "CASES", (Broken(), Good(), Slow()))


def test_a_met_target_gives_zero_and_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--case", "good"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.split(maxsplit=2)[:2] == ["good", "speed"]
    assert "800 users/s" in line
    assert "at least 400 users/s" in line
    assert "2.00" in line
    assert "idle machine" in line


def test_a_missed_target_gives_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--case", "slow"]) == 1
    assert " 1.50 " in capsys.readouterr().out


def test_a_broken_case_is_a_line_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 1
    out = capsys.readouterr().out
    assert "not measured" in out
    assert "Not done within 5 seconds" in out
    assert "half" in out
    assert "speed" in out


@pytest.mark.parametrize("scale", ["0", "1.5", "much"])
def test_a_scale_that_is_none_is_refused(scale: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["--scale", scale])


def test_results_are_kept_with_machine_and_version(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    command.main(["--case", "good", "--write", str(page)])
    text = page.read_text()
    for fact in ("| good ", "| date ", "| program ", "| processor ", "| memory ", "| Python "):
        assert fact in text
    assert "targets do not apply" not in text


def test_results_of_a_smaller_size_say_so(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    command.main(["--case", "good", "--scale", "0.6", "--write", str(page)])
    assert "At 0.6 of the full size" in page.read_text()
