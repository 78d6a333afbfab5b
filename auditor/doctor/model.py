"""The doctor's report: checks in order, and the scopes that controls need."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from auditor.doctor.scopes import ScopeComparison
from auditor.errors import ExitCode
from auditor.evidence.reading import JsonValue


class CheckState(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    """An audit works, but something should be corrected."""
    FAILED = "failed"
    """An audit would be incomplete, or would not work."""
    SKIPPED = "skipped"
    """Not checked, because an earlier check failed."""


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One check with its result."""

    name: str
    """Its key in the JSON report."""
    title: str
    state: CheckState
    sentence: str
    """The result as a sentence."""
    advice: str = ""
    """What to do next; empty if nothing."""
    exit_code: ExitCode = ExitCode.OK
    """The exit code an audit would have because of it."""
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    """The result as data, for the JSON report."""

    @property
    def passed(self) -> bool:
        """True if checks that depend on it can run."""
        return self.state in (CheckState.OK, CheckState.WARNING)


@dataclass(frozen=True, slots=True)
class AuditTarget:
    """The account, baseline and depth that an audit would use."""

    api_url: str
    oauth_url: str
    baseline: str = ""
    """Id and version; empty if it cannot be used."""
    depth: str = ""
    purpose: Literal["audit", "fix"] = "audit"
    """What the checks are for."""


_WORST_FIRST = (ExitCode.USAGE, ExitCode.NOTHING_EVALUATED, ExitCode.INCOMPLETE)
"""Of several codes the first in this order counts: an audit that cannot start comes first."""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """The result of all checks."""

    subject: AuditTarget
    checks: tuple[DoctorCheck, ...]
    scopes: ScopeComparison | None = None
    """None if the baseline cannot be used."""

    @property
    def exit_code(self) -> ExitCode:
        """0 only if an audit would be complete."""
        codes = {check.exit_code for check in self.checks if check.state is CheckState.FAILED}
        return next((code for code in _WORST_FIRST if code in codes), ExitCode.OK)

    def having(self, state: CheckState) -> Iterator[DoctorCheck]:
        """The checks with this result."""
        return (check for check in self.checks if check.state is state)
