"""The gate of a fleet: each account's newest stored run, judged by the fleet's policy."""

import logging
import sqlite3
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.app.fleet_members import FleetMember, FleetMembers, FleetPolicy
from auditor.app.gate import Gate, GatePolicy, GateResult, NoRun, closed, closing_reason
from auditor.app.messages import Messages
from auditor.app.runs import stored_runs
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.scope import Level
from auditor.redaction.text import redact_text, redacted_traceback

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccountGate:
    """The decision about one account."""

    name: str
    account_id: str
    """Empty if it is not known."""
    result: GateResult

    @property
    def is_shut(self) -> bool:
        """True if the account shuts the gate of the fleet."""
        return self.result.code is not ExitCode.OK


@dataclass(frozen=True, slots=True)
class FleetGateResult:
    """The decision about a fleet."""

    accounts: Sequence[AccountGate]
    """In the order of the fleet file."""

    @property
    def shut(self) -> list[AccountGate]:
        """The accounts that shut the gate, deviations first."""
        shut = [account for account in self.accounts if account.is_shut]
        return sorted(shut, key=lambda each: int(each.result.code))

    @property
    def code(self) -> ExitCode:
        """1 before 3 before 0; an account without a judged run gives 3, and 4 is left to a fleet
        of which nothing could be judged."""
        codes = [account.result.code for account in self.accounts]
        if all(code is ExitCode.NOTHING_EVALUATED for code in codes):
            return ExitCode.NOTHING_EVALUATED
        if ExitCode.DEVIATIONS in codes:
            return ExitCode.DEVIATIONS
        return ExitCode.INCOMPLETE if self.shut else ExitCode.OK


def judge_fleet(
    members: FleetMembers,
    policy: FleetPolicy,
    gate_policy: GatePolicy,
    depth: Level,
    messages: Messages,
) -> FleetGateResult:
    """Judge each account of the fleet. An error of one shuts the gate by that account alone."""
    return FleetGateResult(
        [_judged(member, policy, gate_policy, depth, messages) for member in members]
    )


def _judged(
    member: FleetMember,
    policy: FleetPolicy,
    gate_policy: GatePolicy,
    depth: Level,
    messages: Messages,
) -> AccountGate:
    account_id = member.account.account_id or ""
    try:
        settings = member.without_secret()
        account_id = settings.account_id or ""
        config = member.selection(policy).judgement(depth, settings.baseline, settings.org)
        has_organisation = bool(
            member.fleet.common_org or member.base.org or settings.org or member.account.org
        )
        stored = stored_runs(settings)
        gate = Gate(stored, settings, config, gate_policy, messages, has_organisation)
        result = gate.judge_stored(account_id)
    except NoRun as error:
        result = error.result
    except (AuditorError, OSError, sqlite3.Error, zlib.error) as error:
        _log.debug("%s", redacted_traceback(error))
        reason = " ".join(redact_text(closing_reason(error) or str(error)).split())
        result = closed(reason, "See why: auditor fleet list")
    return AccountGate(member.name, account_id, result)
