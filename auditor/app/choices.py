"""Values of options. Cheap to import: help and shell completion need nothing else of `app`."""

from enum import StrEnum
from pkgutil import iter_modules
from typing import TYPE_CHECKING

import auditor

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


def format_names() -> list[str]:
    """The formats of reports, `text` first, and `bundle` last.

    They are the names of the modules `NAME_report`: importing these would take longer than all
    the rest of a help text.
    """
    modules = (
        module.name for module in iter_modules(f"{path}/report" for path in auditor.__path__)
    )
    names = [name.removesuffix("_report") for name in modules if name.endswith("_report")]
    return [*sorted(names, key=lambda name: (name != "text", name)), "bundle"]
