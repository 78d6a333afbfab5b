"""Blind spots: what an organisation knows it cannot see, and accepts for a time.

An accepted blind spot stays unknown and is never a pass. It only stops failing the run: the exit
code, the gate and the acceptance of a run do not count it. Dates are UTC; the expiry day is
included.
"""

from datetime import date

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.findings.model import FindingKind, ReadError, Verdict, part_label
from auditor.policy.baseline.match import Match, NonBlank


class BlindSpot(BaseModel):
    """A justified acceptance of something unknown, with an owner and an expiry date."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    control: str | None = None
    request: NonBlank | None = None
    """The request that gives no answer, as a report shows it: `GET /report/history_meetings`.
    Without a query it stands for all views of that address."""
    setting: NonBlank | None = None
    kind: FindingKind | None = None
    """Only this kind of check: `lock` or `value`."""
    scope: Match = Match(level=Level.ACCOUNT)
    cause: Cause
    reason: NonBlank
    owner: NonBlank
    expires: date
    ticket: str = ""
    approved_by: NonBlank | None = None

    @field_validator("cause")
    @classmethod
    def _is_acceptable(cls, cause: Cause) -> Cause:
        if cause is Cause.ERROR:
            raise ValueError("a read that failed with an error cannot be accepted; audit again.")
        return cause

    @model_validator(mode="after")
    def _names_something(self) -> "BlindSpot":
        if (self.control, self.request, self.setting) == (None,) * 3:
            raise ValueError("name a control, a request or a setting.")
        return self

    def concerns(self, verdict: Verdict) -> bool:
        """True if it is about the verdict, regardless of status, cause and date."""
        return (
            self.control in (None, verdict.control)
            and self.setting in (None, verdict.setting)
            and self.kind in (None, verdict.kind)
            and self._is_request(verdict.source)
        )

    def concerns_error(self, error: ReadError) -> bool:
        """True if it names the request that failed, for the cause of the failure."""
        if (self.control, self.setting, self.kind) != (None,) * 3 or self.request is None:
            return False
        return self.cause is error.cause and self._is_request(error.source)

    def _is_request(self, source: str) -> bool:
        return self.request in (None, source, source.partition("?")[0])

    @property
    def label(self) -> str:
        """`AI-23 for level account` or `GET /users for level account`."""
        named = (self.control, self.request, part_label(self.setting, self.kind))
        return f"{', '.join(name for name in named if name)} for {self.scope.label}"
