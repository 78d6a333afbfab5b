"""The cluster of one machine, which lasts as long as the command."""

import signal
import subprocess
from pathlib import Path

import pytest
import requests

from auditor.sandbox import Faults
from tests.end_to_end.broken_off import USER_SETTINGS, until
from tests.end_to_end.conftest import COMMAND, FAST
from tests.end_to_end.fleets import FleetAuditor, fleet_of

pytestmark = pytest.mark.slow


def begun(auditor: FleetAuditor, *words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [COMMAND, "fleet", *words, *FAST, "--engine", "dask", "--workers", "2"],
        cwd=auditor.folder,
        env=auditor.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_keeps_what_the_workers_have_read(tmp_path: Path) -> None:
    """And reports are written by the command, with messages that begin with the account."""
    with fleet_of(tmp_path, slow=Faults(slow=1.0, slow_seconds=1), good="clean") as auditor:
        process = begun(auditor, "audit", "--reports", "reports")
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "good: done (1 of 2)" in line:
                break
        until(lambda: auditor.sandboxes["slow"].requests.template(USER_SETTINGS) > 0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        shown = "".join(lines) + out + err
        assert process.returncode == 130, shown
        assert "Traceback" not in shown
        assert "good: Run " in shown
        assert (tmp_path / "reports" / "good.html").exists()
        (unfinished,) = auditor.folders
        object.__setattr__(auditor.sandboxes["slow"].service.faults, "slow", 0.0)
        assert f"slow: Resuming run {unfinished}" in auditor.fleet("audit").err


def test_the_cluster_of_one_machine_admits_nobody_else(tmp_path: Path) -> None:
    from distributed import Client

    with fleet_of(tmp_path, slow=Faults(slow=1.0, slow_seconds=1)) as auditor:
        process = begun(auditor, "audit")
        until(lambda: auditor.sandboxes["slow"].requests.total > 0)
        ports = listening(process.pid)
        assert ports
        for port in ports:
            for protocol in ("tcp", "tls"):
                with pytest.raises((OSError, TypeError)):
                    Client(f"{protocol}://127.0.0.1:{port}", timeout=2)
            for page in ("/status", "/info/main/workers.html", "/metrics", "/json/counts.json"):
                assert pages(port, page) != 200, page
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def pages(port: int, path: str) -> int:
    """The status that a port answers over HTTP; 0 if it does not speak it."""
    try:
        return requests.get(f"http://127.0.0.1:{port}{path}", timeout=2).status_code
    except requests.RequestException:
        return 0


def listening(pid: int) -> set[int]:
    """The ports on which a process and its workers listen; all are of loopback."""
    import psutil  # with distributed

    found = set()
    process = psutil.Process(pid)
    for part in (process, *process.children(recursive=True)):
        for each in part.net_connections("tcp"):
            if each.status == psutil.CONN_LISTEN:
                assert each.laddr.ip == "127.0.0.1"
                found.add(each.laddr.port)
    return found
