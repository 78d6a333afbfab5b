"""Values of options. Cheap to import: help and shell completion need nothing else of `app`."""

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auditor.findings.model import Severity


class FailOn(StrEnum):
    """The lowest severity that fails an audit."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEVER = "never"

    @property
    def severity(self) -> "Severity | None":
        """The lowest severity that fails; None for never."""
        from auditor.findings.model import Severity

        return None if self is FailOn.NEVER else Severity(self)


class Plan(StrEnum):
    """The account's plan, which sets the rate limits."""

    FREE = "free"
    PRO = "pro"
    BUSINESS = "business"
    AUTO = "auto"
