from auditor.doctor.model import AuditTarget, CheckState, DoctorCheck, DoctorReport
from auditor.doctor.needs import Needs
from auditor.doctor.scopes import ScopeComparison
from auditor.doctor.text import lines
from auditor.errors import ExitCode
from auditor.zoom import endpoints
from auditor.zoom.hosts import COMMERCIAL, GOVERNMENT, Cloud

NEEDS = Needs(
    {
        "AI-01": (endpoints.USERS, endpoints.DASHBOARD_PARTICIPANTS),
        "TP-09": (endpoints.MARKETPLACE_APPS,),
    },
    {"AI-01": "One", "TP-09": "Apps"},
)


def rendered(
    granted: frozenset[str] | None,
    *checks: DoctorCheck,
    cloud: Cloud = COMMERCIAL,
    color: bool = False,
    every: bool = False,
    width: int = 80,
) -> list[str]:
    subject = AuditTarget(cloud.api_url, cloud.token_url, "strict 1.0", "user")
    diagnosis = DoctorReport(subject, checks, ScopeComparison(NEEDS, granted))
    return list(lines(diagnosis, width, color=color, every_control=every))


def failing(code: ExitCode, name: str = "x") -> DoctorCheck:
    return DoctorCheck(name, "X", CheckState.FAILED, "It failed.", "Mend it.", code)


def test_what_keeps_an_audit_from_beginning_counts_for_most() -> None:
    codes = (ExitCode.INCOMPLETE, ExitCode.NOTHING_EVALUATED, ExitCode.USAGE)
    for most in range(3):
        checks = tuple(failing(code) for code in codes[: most + 1])
        assert DoctorReport(AuditTarget("", ""), checks).exit_code is codes[most]


def test_a_warning_changes_no_code() -> None:
    warned = DoctorCheck("x", "X", CheckState.WARNING, "Hm.", "Mend it.", ExitCode.USAGE)
    assert DoctorReport(AuditTarget("", ""), (warned,)).exit_code is ExitCode.OK


def test_the_next_step_stands_under_what_failed() -> None:
    shown = rendered(None, failing(ExitCode.USAGE))
    assert shown[0] == "failed    X                It failed."
    assert shown[1].strip() == "Next: Mend it."
    assert " ".join(shown[-2:]).endswith("correct the configuration first. (1 failed)")


def test_the_marketplace_is_that_of_the_cloud() -> None:
    assert "(marketplace.zoom.us)" in " ".join(rendered(frozenset({"x:read:y:admin"})))
    government = " ".join(rendered(frozenset({"x:read:y:admin"}), cloud=GOVERNMENT))
    assert "(marketplace.zoomgov.com)" in government


def test_what_has_no_classic_scope_is_told_to_an_app_with_classic_ones() -> None:
    text = " ".join(" ".join(rendered(frozenset({"user:read:admin"}))).split())
    assert "GET /marketplace/apps has no classic scope" in text
    assert "To copy (1, classic) dashboard_meetings:read:admin" in text


def test_colours_add_nothing_that_words_do_not_say() -> None:
    plain = rendered(frozenset(), failing(ExitCode.USAGE))
    painted = rendered(frozenset(), failing(ExitCode.USAGE), color=True)
    assert painted != plain
    for code in ("\x1b[1;31m", "\x1b[1m", "\x1b[0m"):
        painted = [line.replace(code, "") for line in painted]
    assert painted == plain


def test_scopes_are_never_cut_however_narrow_the_terminal() -> None:
    text = rendered(frozenset({"x:read:y:admin"}), width=20)
    assert "dashboard:read:list_meeting_participants:admin" in text


def test_what_came_from_outside_cannot_steer_the_terminal() -> None:
    nasty = DoctorCheck(
        "x", "X", CheckState.FAILED, "Said \x1b[2J.", "Do \x1b]0;x.", ExitCode.USAGE
    )
    assert "\x1b" not in "".join(rendered(None, nasty))
