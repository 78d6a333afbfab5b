"""From a first run to a gate that opens, on an account of recorded responses, and what shuts it."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.test_gate import at
from tests.end_to_end import other_zoom
from tests.end_to_end.conftest import Auditor
from tests.end_to_end.other_zoom import Json
from tests.end_to_end.test_to_a_green_gate import ORG, write_file
from tests.real_input.conftest import Read
from tests.real_input.test_payloads import Recorded, account

pytestmark = [pytest.mark.real_input, pytest.mark.slow]


@dataclass
class Granted(Recorded):
    """An account whose app lacks the scopes of what nobody recorded."""

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Json]:
        """Answer from the files, or that a scope is missing."""
        status, body = super().answer(path, query)
        if status == 404:
            return 400, {"code": 4711, "message": "Invalid access token, does not contain scopes."}
        for rows in body.values():
            if path in self.listings and rows == []:
                return status, {**body, "total_records": 0}
        return status, body


def test_the_gate_of_a_recorded_account_opens_and_each_change_shuts_it_alone(
    tmp_path: Path, payload: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = account(payload, "live")
    served = Granted(documents=recorded.documents, listings=recorded.listings)
    with other_zoom.serve(served):
        auditor = Auditor(tmp_path, served)
        rule = (
            "--setting",
            "in_meeting.screen_sharing",
            "--expect",
            "on",
            "--levels",
            "group,user",
        )
        write_file(auditor, "Test Group", rule)
        assert auditor.audit(*ORG).code == 0
        opened = auditor("gate", *ORG)
        assert opened.code == 0, opened.out

        with monkeypatch.context() as later:
            at(later, timedelta(days=3))
            lapsed = auditor("gate", *ORG, "--max-age", "7d")
        assert lapsed.code == 1, lapsed.out
        assert "0 deviations" in lapsed.out
        assert "EXPIRED" in lapsed.out

        (group,) = (
            path for path in served.documents if path.endswith("/settings") and "group" in path
        )
        served.documents[group][""]["in_meeting"]["screen_sharing"] = False
        auditor.audit(*ORG)
        drifted = auditor("gate", *ORG, "--fail-on", "medium", "--format", "json")
        assert drifted.code == 1
        assert {each["control"] for each in json.loads(drifted.out)["findings"]} == {"ORG-01"}
