"""Accounts that a gate, or a night, looks at: each can be changed, and asked about."""

import json
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.sandbox import Sandbox
from tests.end_to_end.conftest import FAST, Auditor, Ran

SUMMARY = "in_meeting.meeting_summary_with_ai_companion.enable"
STRICT = {"AUDITOR_BASELINE": "strict"}


@dataclass
class Account:
    """An account that can be changed, and the auditor that looks at it."""

    sandbox: Sandbox
    auditor: Auditor
    first_nights: Mapping[bool, Path] | None = None
    """Data directories with one night, by whether summaries were on: see `first_night`."""

    def __call__(self, *words: object, env: Mapping[str, str] | None = None) -> Ran:
        return self.auditor(*words, env={**STRICT, **(env or {})})

    def gate(self, *words: object, env: Mapping[str, str] | None = None) -> Ran:
        ran = self("gate", *words, env=env)
        assert "Traceback" not in ran.err
        return ran

    def night(self, *words: object, code: int = 0) -> str:
        """Audit and store; the id of the run."""
        ran = self("nightly", *FAST, *words)
        assert ran.code == code, ran.err
        return str(self.runs()[-1]["id"])

    def first_night(self, summaries: bool = False) -> str:
        """Store the first night of the account, as it is or with summaries on; the run's id.

        That night is audited once a session, and copied.
        """
        assert self.first_nights is not None
        shutil.copytree(self.first_nights[summaries], self.auditor.data, dirs_exist_ok=True)
        if summaries:
            self.summaries(True)
        return str(self.runs()[-1]["id"])

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self("history", "--format", "json").out)
        return found

    def summaries(self, on: bool) -> None:
        self.sandbox.change(level="account", setting=SUMMARY, value=on, operator="dana@example.com")

    def withhold(self, scope: str = "group:read:settings") -> None:
        """Take a scope from the app."""
        service = self.sandbox.service
        service.scopes = frozenset(each for each in service.scopes if scope not in each)

    def stored(self, statement: str, *values: object) -> None:
        """Change the history behind the program's back."""
        with closing(sqlite3.connect(self.auditor.data / "history.sqlite")) as history, history:
            history.execute(statement, values)


def lines(ran: Ran) -> list[str]:
    found = ran.out.splitlines()
    assert len(found) == 3, ran.out
    return found
