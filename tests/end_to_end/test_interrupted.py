"""Ctrl-C in the middle: a quick end, the exit code for it, and nothing half done."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import COMMAND, FAST, Auditor, served, slow

WITHIN = 60.0
"""Seconds."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "outputs", [slow(()), ("--output", "night.json", "--output", "night.html")]
)
def test_an_interrupted_audit_leaves_nothing_half_written(
    tmp_path: Path, outputs: tuple[str, ...]
) -> None:
    before = tmp_path / "night.html"
    before.write_text("yesterday")
    with served("drifted", users=60, latency_ms=150) as account:
        auditor = Auditor(tmp_path, account)
        running = subprocess.Popen(
            [COMMAND, "audit", "--baseline", "strict", *FAST, *outputs],
            cwd=tmp_path,
            env=auditor.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        _until(lambda: account.requests.template("/users/{userId}/settings") > 5)
        interrupted = time.monotonic()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=WITHIN)
        took = time.monotonic() - interrupted
    assert running.returncode == 130
    assert took < 30
    assert out == ""
    assert "interrupted" in err
    assert "Traceback" not in err
    assert before.read_text() == "yesterday"
    written = {path.name for path in tmp_path.iterdir()}
    assert written <= {"night.html", "data"}
    assert not list(auditor.data.glob("runs/*/*.json"))
    assert auditor("report").code == 2


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)
