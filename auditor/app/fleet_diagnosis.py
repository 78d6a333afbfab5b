"""Whether an audit of each account of a fleet would be complete."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from auditor.app.diagnosis import diagnose
from auditor.app.fleet_members import FleetMember, FleetPolicy
from auditor.config import ConfigError
from auditor.doctor.model import DoctorReport
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.scope import Level
from auditor.fleet.model import CredentialPlace
from auditor.redaction.text import redact_text, redacted_traceback

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccountDiagnosis:
    """The diagnosis of one account, or why there is none."""

    name: str
    report: DoctorReport | None
    problem: str = ""
    """Why nothing was examined, as a sentence."""
    code: ExitCode = ExitCode.USAGE
    """The exit code that an audit would have because of `problem`."""
    sub_accounts: int = 0
    """Accounts below it, which are read with the same credentials."""

    @property
    def scopes_for_sub_accounts(self) -> Sequence[str]:
        """The scopes to add for a complete audit of the accounts below it."""
        if not self.sub_accounts or self.report is None or self.report.scopes is None:
            return ()
        return self.report.scopes.to_add_for_sub_accounts

    @property
    def exit_code(self) -> ExitCode:
        """0 only if an audit of it, and of the accounts below it, would be complete."""
        own = self.code if self.report is None else self.report.exit_code
        return ExitCode.INCOMPLETE if own is ExitCode.OK and self.scopes_for_sub_accounts else own


def diagnose_fleet(
    members: Sequence[FleetMember],
    policy: FleetPolicy,
    depth: Level,
    say: Callable[[str], None],
    at_once: int,
) -> list[AccountDiagnosis]:
    """Examine the accounts, several at a time. An error of one is its result.

    What the app lacks for the accounts below a primary account is part of the latter's result: it
    is the same for all of them.
    """
    below = sum(bool(member.sub_account) for member in members)

    def examine(member: FleetMember) -> AccountDiagnosis:
        try:
            settings = member.settings()
            report = diagnose(
                settings,
                member.selection(policy),
                depth,
                lambda sentence: say(f"{member.name}: {sentence}"),
                checks_configuration=False,
            )
        except ConfigError as error:
            return AccountDiagnosis(member.name, None, str(error))
        except Exception as error:
            _log.info("%s", redacted_traceback(error))
            code = error.exit_code if isinstance(error, AuditorError) else ExitCode.INTERNAL
            problem = redact_text(str(error) or type(error).__name__)
            return AccountDiagnosis(member.name, None, problem, code)
        is_primary = member.primary is not None
        report = _naming(report, member.account.credentials)
        return AccountDiagnosis(member.name, report, sub_accounts=below if is_primary else 0)

    with ThreadPoolExecutor(at_once, "doctor") as threads:
        return list(threads.map(examine, (each for each in members if not each.sub_account)))


def _naming(report: DoctorReport, place: CredentialPlace) -> DoctorReport:
    """The report, with `place` instead of the variables of a single account."""
    checks = (
        replace(check, sentence=place.named_in(check.sentence), advice=place.named_in(check.advice))
        for check in report.checks
    )
    return replace(report, checks=tuple(checks))


def exit_code(diagnoses: Sequence[AccountDiagnosis]) -> ExitCode:
    """0 if an audit of all would be complete, 4 if nothing of any could be read, otherwise 3."""
    codes = {each.exit_code for each in diagnoses}
    if codes == {ExitCode.OK}:
        return ExitCode.OK
    if codes & {ExitCode.OK, ExitCode.INCOMPLETE}:
        return ExitCode.INCOMPLETE
    return ExitCode.NOTHING_EVALUATED
