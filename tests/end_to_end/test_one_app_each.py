"""Another program signs in with the same app, so that each token is good for some requests only."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end import other_zoom
from tests.end_to_end.conftest import FAST, Auditor, keys
from tests.end_to_end.other_zoom import Json, OtherZoom


@dataclass
class SharedApp(OtherZoom):
    """Ends each token after so many requests."""

    good_for: int = 5
    issued: int = 0
    left: int = 0

    def token(self, authorization: str, fields: dict[str, str]) -> tuple[int, Json]:
        status, body = super().token(authorization, fields)
        self.issued, self.left = self.issued + 1, self.good_for
        return status, {**body, "access_token": f"other.token.{self.issued}"}

    def accepts(self, authorization: str) -> bool:
        self.left -= 1
        return self.left >= 0 and authorization == f"Bearer other.token.{self.issued}"


@pytest.mark.slow
@pytest.mark.parametrize("command", [["nightly", *FAST], ["gate", "--live"]])
def test_a_night_and_a_live_gate_come_through_and_say_what_to_change(
    tmp_path: Path, command: list[str]
) -> None:
    words = [*command, "--baseline", "strict"]
    with other_zoom.serve(OtherZoom()) as own:
        alone = Auditor(tmp_path / "own", own)
        alone.folder.mkdir()
        expected = alone(*words)
    with other_zoom.serve(SharedApp()) as shared:
        auditor = Auditor(tmp_path, shared)
        ran = auditor(*words)
        assert shared.issued > 5
    assert ran.code == expected.code
    assert " ".join(ran.err.split()).count("give each program an app of its own") == 1


@pytest.mark.slow
def test_the_report_is_the_same_as_with_an_app_of_its_own(tmp_path: Path) -> None:
    with other_zoom.serve(OtherZoom()) as own:
        (tmp_path / "own").mkdir()
        expected = keys(Auditor(tmp_path / "own", own).report("--baseline", "strict"))
    with other_zoom.serve(SharedApp(good_for=3)) as shared:
        assert keys(Auditor(tmp_path, shared).report("--baseline", "strict")) == expected


def test_a_token_that_ends_for_good_is_blamed_on_the_app_or_the_address(tmp_path: Path) -> None:
    with other_zoom.serve(SharedApp(good_for=0)) as shared:
        ran = Auditor(tmp_path, shared).audit()
    assert ran.code == 4
    assert "no other program signs in with this app" in " ".join(ran.err.split())
