"""Parses rows of listings into scopes. Assumes only that a row is a JSON object."""

from collections.abc import Mapping

from auditor.evidence.json_values import as_text
from auditor.evidence.reading import JsonValue, is_integer
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence
from auditor.evidence.view import SETTINGS, Document

PHONE_LICENCE = "zoom_phone"
"""Key under `feature` of a user's settings: true for phone users. Source: Users API, 2025-03."""


def feature_flag(evidence: ScopeEvidence, feature: str) -> bool | None:
    """The value of a feature in a user's settings; None if it is unknown.

    Source: `feature` of `GET /users/{userId}/settings`.
    """
    outcome = evidence.outcomes.get(SETTINGS)
    body = outcome.body if isinstance(outcome, Document) else None
    features = body.get("feature") if isinstance(body, dict) else None
    flag = features.get(feature) if isinstance(features, dict) else None
    return flag if isinstance(flag, bool) else None


def group(row: Mapping[str, JsonValue]) -> Scope | None:
    """A row of `GET /groups` as a scope; None if it has no id."""
    zoom_id = as_text(row.get("id"))
    return Scope(Level.GROUP, zoom_id, as_text(row.get("name"))) if zoom_id else None


def user(row: Mapping[str, JsonValue], status: str) -> Scope | None:
    """A row of `GET /users?status=` as a scope; None if it has neither an id nor an address.

    A user without an id (seen for pending users) is identified by the e-mail address.
    """
    email = as_text(row.get("email"))
    zoom_id = as_text(row.get("id")) or email
    if not zoom_id:
        return None
    display = as_text(row.get("display_name"))
    name = display or f"{as_text(row.get('first_name'))} {as_text(row.get('last_name'))}".strip()
    groups = row.get("group_ids")
    licence = row.get("type")
    return Scope(
        level=Level.USER,
        id=zoom_id,
        name=name,
        email=email,
        group_ids=tuple(filter(None, map(as_text, groups))) if isinstance(groups, list) else (),
        licence=licence if is_integer(licence) else None,
        status=status,
    )
