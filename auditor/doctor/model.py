"""What an examination finds: checks in their order, and the scopes that controls need."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from auditor.doctor.scopes import ScopeComparison
from auditor.errors import ExitCode
from auditor.evidence.reading import JsonValue


class CheckState(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    """An audit works; something should be put right all the same."""
    FAILED = "failed"
    """An audit would not be complete, or not work at all."""
    SKIPPED = "skipped"
    """Not looked at, because an earlier check failed."""


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One thing that was looked at."""

    name: str
    """Its key in the JSON report."""
    title: str
    state: CheckState
    sentence: str
    """What was found."""
    advice: str = ""
    """What to do next; empty where there is nothing to do."""
    exit_code: ExitCode = ExitCode.OK
    """What an audit would end with because of it."""
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    """The same for programs."""

    @property
    def passed(self) -> bool:
        """True where what comes after it can be looked at."""
        return self.state in (CheckState.OK, CheckState.WARNING)


@dataclass(frozen=True, slots=True)
class AuditTarget:
    """What an audit would be made of."""

    api_url: str
    oauth_url: str
    baseline: str = ""
    """Id and version; empty where it cannot be used."""
    depth: str = ""


_WORST_FIRST = (ExitCode.USAGE, ExitCode.NOTHING_EVALUATED, ExitCode.INCOMPLETE)
"""Of several codes the first of these counts: what keeps an audit from beginning at all."""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All of an examination."""

    subject: AuditTarget
    checks: tuple[DoctorCheck, ...]
    scopes: ScopeComparison | None = None
    """None where the baseline cannot be used."""

    @property
    def exit_code(self) -> ExitCode:
        """0 only where an audit would be complete."""
        codes = {check.exit_code for check in self.checks if check.state is CheckState.FAILED}
        return next((code for code in _WORST_FIRST if code in codes), ExitCode.OK)

    def having(self, state: CheckState) -> Iterator[DoctorCheck]:
        """The checks that came out so."""
        return (check for check in self.checks if check.state is state)
