"""Runs that are broken off on purpose, and what is the same in two reports of one account."""

import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

from auditor.sandbox import Sandbox
from tests.end_to_end.conftest import COMMAND, FAST, Auditor, Ran

WITHIN = 60.0
"""Seconds."""
USER_SETTINGS = "/users/{userId}/settings"

Moment = Callable[[Sandbox], bool]


def started(
    auditor: Auditor,
    *arguments: str,
    first: Callable[[], object] | None = None,
    env: Mapping[str, str] | None = None,
) -> "subprocess.Popen[str]":
    """An audit under way. `first` is called in its process before it begins."""
    return subprocess.Popen(
        [COMMAND, "audit", *FAST, *arguments],
        cwd=auditor.folder,
        env=auditor.environment(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=first,
    )


def until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def killed(auditor: Auditor, moment: Moment, *arguments: str) -> None:
    """Begin an audit and kill it, without a chance to tidy up, at a moment."""
    running = started(auditor, *arguments)
    until(lambda: moment(auditor.account))
    running.kill()
    running.communicate()
    assert running.returncode == -9


def ended(running: "subprocess.Popen[str]") -> Ran:
    """What came of an audit under way."""
    out, err = running.communicate(timeout=WITHIN)
    return Ran(running.returncode, out, err)


def after(requests: int, template: str = USER_SETTINGS) -> Moment:
    """Once so many requests to a path template were answered."""
    return lambda account: account.requests.template(template) >= requests


def timeless(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The findings without the times."""
    times = {"observed_at": None, "first_seen": None}
    return [{**finding, **times} for finding in report["findings"]]
