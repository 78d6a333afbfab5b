"""No command writes what could steer a terminal, whatever it is called with."""

import re
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Auditor, Installed

HOSTILE = "x\x1b[8m\x1b[2J\x1b]0;t\x07\r\u202e\u200b\u0085\u009bK\x7f"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]")
COMMANDS = (
    ("report", HOSTILE),
    ("report", f"{HOSTILE}.sqlite"),
    ("audit", "--from", HOSTILE),
    ("audit", "--sandbox", "--only", HOSTILE),
    ("audit", HOSTILE),
    (HOSTILE,),
    ("diff", HOSTILE, HOSTILE),
    ("gate", "--account", HOSTILE),
    ("gate", "--account", HOSTILE, "--format", "json"),
    ("gate", "--baseline", HOSTILE),
    ("gate", "accept", HOSTILE),
    ("history", "--account", HOSTILE),
    ("history", "findings", HOSTILE),
    ("history", "set-aside", HOSTILE, "--reason", HOSTILE),
    ("ask", HOSTILE),
    ("bundle", "verify", HOSTILE),
    ("bundle", "verify", __file__, "--public-key", HOSTILE),
    ("baseline", "show", HOSTILE),
    ("baseline", "check", HOSTILE),
    ("control", "show", HOSTILE),
    ("control", "new", "--setting", HOSTILE),
    ("decide", HOSTILE),
    ("decide", "allowed_regions", "--value", HOSTILE),
    ("waive", HOSTILE),
    ("blind-spot", HOSTILE),
    ("init", "--set", HOSTILE),
    ("config", "show"),
    ("notify", "remove", HOSTILE),
    ("--profile", HOSTILE, "auth", "status"),
)


REFUSED_BY_TYPER = (("audit", HOSTILE), (HOSTILE,))
"""It prints their errors itself, and the process cleans what goes to its standard error."""


@pytest.mark.parametrize("more", [{}, {"AUDITOR_ORG": HOSTILE, "ZOOM_ACCOUNT_ID": HOSTILE}])
def test_nothing_steers_the_terminal(tmp_path: Path, more: dict[str, str]) -> None:
    failures = []
    for command in COMMANDS:
        auditor = Installed if command in REFUSED_BY_TYPER else Auditor
        ran = auditor(tmp_path)(*command, env=more)
        if ran.code == 5 or STEERING.search(ran.out + ran.err):
            failures.append((command, ran.code, ascii(ran.out + ran.err)))
    assert failures == []
