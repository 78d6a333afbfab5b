"""Plans for tests."""

from typing import Any

from auditor import __version__


def step(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An automatic step: cloud recording off at the account."""
    return {
        "id": number,
        "kind": "value",
        "scope": {"level": "account", "id": "acc", "name": "Example"},
        "setting": "recording.cloud_recording",
        "from": True,
        "to": False,
        "request": {
            "method": "PATCH",
            "path": "/accounts/me/settings",
            "query": {},
            "body": {"recording": {"cloud_recording": False}},
        },
        "manual": None,
        "controls": ["RC-01"],
        "resolves": 3,
        "affects": {"groups": 1, "users": 2},
        "after": [],
    } | changes


def lock_step(number: int = 2, **changes: Any) -> dict[str, Any]:
    """The lock of the same setting, after its value."""
    request = {
        "method": "PATCH",
        "path": "/accounts/me/lock_settings",
        "query": {},
        "body": {"recording": {"cloud_recording": True}},
    }
    lock = {"kind": "lock", "from": False, "to": True, "request": request, "after": [1]}
    return step(number, **{**lock, **changes})


def plan(*steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A whole plan as in its file."""
    return {
        "schema": "auditor/plan/v1",
        "run": "run-1",
        "account_id": "acc",
        "baseline": {"id": "strict", "version": "1", "digest": "sha256:0"},
        "evidence_digest": "sha256:1",
        "created_at": "2026-11-29T08:00:00Z",
        "steps": [*steps],
        "resolves": 3,
        "remains": 0,
        "manual": sum(each["request"] is None for each in steps),
        "predicted": {"by_status": {"pass": 3}},
        "current": {"by_status": {"fail": 3}},
        "predicted_with_manual": {"by_status": {"pass": 3}},
        "run_finished_at": "2026-11-29T07:00:00Z",
        "complete": True,
        "api_url": "https://api.zoom.us/v2",
        "tool": {"name": "auditor", "version": __version__},
    } | changes
