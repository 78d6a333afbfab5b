"""What to read: the views of the account, of every group and of every user."""

from collections.abc import Mapping
from dataclasses import dataclass

from auditor.evidence.scope import Level
from auditor.evidence.view import View

LISTINGS: Mapping[Level, tuple[View, ...]] = {
    Level.GROUP: (View("groups"),),
    Level.USER: (View("users", "active"), View("users", "inactive")),
}
"""The listings that name the scopes of a level. What came of them is recorded with the account."""

PENDING = View("users", "pending")
"""Invited users: counted, not read."""

TOKEN = View("token")
PHONE = View("phone_account_settings")


@dataclass(frozen=True, slots=True)
class Reads:
    """The views to read, sorted. A level with none is not listed either."""

    account: tuple[View, ...] = ()
    group: tuple[View, ...] = ()
    user: tuple[View, ...] = ()
    token: bool = False
    """The scopes of the app's own token."""
    phone: tuple[str, ...] = ()
    """The `setting_types` of Zoom Phone to ask for; empty for none."""
