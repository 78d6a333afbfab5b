"""The functions that a cluster calls by name.

The module imports nothing itself: the scheduler loads it too, and would be busy for seconds.
"""

from collections.abc import Mapping
from typing import Any


def audit_account(task: Mapping[str, Any]) -> dict[str, Any]:
    """As `fleet_task.audit_account`."""
    from auditor.app import fleet_task

    return fleet_task.audit_account(task)


def interrupt(audit: str) -> int:
    """As `fleet_task.interrupt`."""
    from auditor.app import fleet_task

    return fleet_task.interrupt(audit)
