"""A small run with every case that reports distinguish, and its golden files.

After an intended change, `python -m tests.report.golden_run` rewrites the files.
"""

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level
from auditor.findings.closing_steps import ClosingStep, ClosingSteps, RemainingDeviations
from auditor.findings.model import (
    FindingKind,
    Reference,
    ReferenceState,
    Severity,
    Status,
    WaiverResult,
    WaiverState,
    WaiverTerms,
)
from auditor.findings.run import Run
from auditor.report import FORMATS
from tests.report import worlds

FOLDER = Path(__file__).parent / "golden"
BINARY = {"pdf", "xlsx"}
"""Formats whose content other tests check."""
FILES = {name: f"run{each.suffix}" for name, each in FORMATS.items() if name not in BINARY}
WAIVER: dict[str, Any] = {
    "reason": "They edit films.",
    "owner": "ciso@example.com",
    "ticket": "SEC-12",
    "expires": date(2027, 1, 31),
}

LOST = Reference(
    *("override", "override for group Büro Kölm", "group", "Büro Kölm", ReferenceState.UNMATCHED),
    'No group of the account is called "Büro Kölm", and none has this id. Did you mean '
    '"Büro Köln"?',
    "Büro Köln",
)
LOOKALIKE = Reference(
    *("parameter", "parameter ai_allowed_groups", "group", "Legal", ReferenceState.LOOK_ALIKE),
    'The account also has a group "L\u0435gal", which only looks like "Legal": it differs in '
    "U+0435 CYRILLIC SMALL LETTER IE.",
    "L\u0435gal",
)
"""Names in the organisation file: one that matches nothing, and one that another looks like."""


CLOSING = ClosingSteps(
    (
        ClosingStep(
            "2-3",
            "Meeting summary: from on to off, for 2 people: Ada <b>, Bob",
            2,
            Severity.CRITICAL,
            "User Management > Users > NAME > Settings",
            True,
            ("Changes the value for 2 people.",),
            ["AI-01"],
        ),
        ClosingStep(
            "1",
            "Recording reminders: from off to on, for the account",
            0,
            Severity.HIGH,
            "",
            False,
            (),
            ["CN-05"],
        ),
        ClosingStep(
            "4",
            "Lock Recording reminders for the account",
            1,
            Severity.HIGH,
            "Account Management > Account Settings > Recording, and press the lock beside it",
            False,
            ("Changes no value below; takes the choice from 5 people.",),
            ["CN-05"],
            "recording.recording_reminders",
        ),
    ),
    4,
    remaining=(
        RemainingDeviations("It follows from other results of the run", {"CC-01": 2}),
        RemainingDeviations("A lock would do harm. It would show more", {"AI-02": 1, "CN-08": 1}),
    ),
)
"""Equal steps by hand for two people, one that closes nothing by itself, and the lock after it."""


def golden() -> Run:
    """Every status, two users with equal deviations, an expired waiver, and names."""
    consent = worlds.deviation(
        "CN-05",
        Level.ACCOUNT,
        kind=FindingKind.LOCK,
        observed=False,
        expected={"op": "eq", "value": True},
    )
    attest = worlds.deviation(
        "TR-01",
        Level.ACCOUNT,
        kind=FindingKind.ATTESTATION,
        status=Status.ATTESTATION_EXPIRED,
        setting="",
        observed=None,
        expected=None,
        locked=None,
        source="",
        detail="The attestation ran out on 2026-10-01.",
    )
    decision = worlds.deviation(
        "DR-01",
        Level.ACCOUNT,
        status=Status.NEEDS_DECISION,
        observed=["US"],
        expected={"op": "subset_of_param", "param": "allowed_regions"},
    )
    waived = worlds.deviation(
        "RC-02", Level.GROUP, status=Status.WAIVED, waiver=WaiverTerms(**WAIVER)
    )
    attested = worlds.unknown(Cause.ABSENT, "TP-01", Level.GROUP, status=Status.ATTESTED)
    not_applicable = worlds.deviation("RT-01", Level.GROUP, status=Status.NOT_APPLICABLE)
    refused = worlds.unknown(Cause.DENIED)
    mixed = (worlds.deviation(), worlds.passed())
    run = worlds.run_of(
        [
            worlds.judged(worlds.account(), [consent, attest, decision]),
            worlds.judged(worlds.group(1, "Studio"), [waived, attested, not_applicable]),
            worlds.judged(worlds.user(1, "Ada <b>"), mixed),
            worlds.judged(worlds.user(2, 'Bob "=1+1" \u202e'), mixed),
            worlds.judged(worlds.user(3), [refused]),
        ],
        errors=[worlds.DENIED],
        exit_code=1,
    )
    stale = WaiverResult("AI-01", "user Ada", **WAIVER, state=WaiverState.EXPIRED, matched=1)
    return replace(
        run, waivers=[stale], references=[LOST, LOOKALIKE], closing_steps=lambda: CLOSING
    )


def rendered(name: str) -> bytes:
    """The golden run in a format, passes included."""
    return worlds.report_of(golden(), name, include_passes=True)


def golden_bytes(name: str) -> bytes:
    """The golden content of a format, except the style and script of HTML and their hashes.

    Those have their own source files.
    """
    content = rendered(name)
    if name != "html":
        return content
    content = re.sub(rb"(<(style|script)[^>]*>).*?(</\2>)", rb"\1...\3", content, flags=re.DOTALL)
    return re.sub(rb"sha256-[\w+/=]+", b"sha256-...", content)


if __name__ == "__main__":
    for name, file in FILES.items():
        (FOLDER / file).write_bytes(golden_bytes(name))
