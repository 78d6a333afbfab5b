"""Synthetic runs: small worlds with every case that a report must handle."""

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from auditor.evidence.reading import Cause
from auditor.evidence.scope import Level, Scope
from auditor.evidence.timestamps import parse_rfc3339
from auditor.findings.model import (
    ApiUsage,
    BaselineInfo,
    ControlInfo,
    FindingKind,
    Layer,
    ReadError,
    Reference,
    ReferenceState,
    Role,
    Severity,
    Status,
    TrendPoint,
    Verdict,
    WaiverResult,
    WaiverState,
    WaiverTerms,
)
from auditor.findings.run import Run
from auditor.findings.verdict_store import Assessment, VerdictSet, VerdictStore
from auditor.policy.catalogue.questions import shipped
from auditor.report import FORMATS, Options
from tests import builders

SOURCE = {
    Level.ACCOUNT: "GET /accounts/me/settings",
    Level.GROUP: "GET /groups/{groupId}/settings",
    Level.USER: "GET /users/{userId}/settings",
}
SEEN_AT = "2026-11-21T21:58:03.000Z"

HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "quotes": '"O\'Hara" `&` {{ 7*7 }} {% raw %}',
    "rtl": "invoice\u202efdp.exe \u200fעברית",
    "newlines": "first\r\nsecond\tthird\x00\u2028fourth",
    "ansi": "\x1b[31mred\x1b[2J\x9b5mblink\x1b]8;;http://evil.example\x07link",
    "long": "x" * 10_000,
    "zalgo": "Z" + "\u0301" * 5_000,
    "emoji": "👩‍⚕️ Klinik 🏥 日本語 グループ",
    "surrogate": "half \ud83d pair",
    "formula": '=HYPERLINK("http://evil.example")',
    "empty": "",
}

SUMMARY = "in_meeting.meeting_summary_with_ai_companion.enable"

CONTROLS = {
    info.id: info
    for info in (
        ControlInfo(
            "AI-01",
            "Meeting summary is off, or limited to approved groups",
            "AI features",
            Severity.CRITICAL,
            why="A summary turns a whole call into text, and one host decides for everyone.",
            fix_portal="Admin Center > Settings > Zoom AI > Meeting > Meeting summary",
            know="Off here stops nothing that a participant captures with another tool.",
            setting_names={SUMMARY: "Meeting summary with AI Companion"},
            mappings={
                "gdpr": ("Art 5(1)(b)", "Art 25(2)"),
                "nist_800_53r5": ("CM-7", "PT-2"),
                "cis_zoom_v1_0_0": (),
            },
        ),
        ControlInfo(
            "AI-06",
            "Smart recording (highlights, chapters) is off, or limited to approved groups",
            "AI features",
            Severity.HIGH,
        ),
        ControlInfo(
            "CN-05",
            "Participants are asked to consent when a recording starts",
            "Consent",
            Severity.CRITICAL,
            why="Consent that nobody was asked for is none.",
            fix_portal="Account Settings > Recording > Ask participants for consent",
            fix_api='PATCH /accounts/me/settings {"recording": {"recording_disclaimer": true}}',
            mappings={"gdpr": ("Art 7",)},
        ),
        ControlInfo(
            "RC-02",
            "Local recording is off",
            "Recording",
            Severity.HIGH,
            fix_portal="Account Settings > Recording > Record to computer files",
        ),
        ControlInfo(
            "RT-01",
            "Cloud recordings delete themselves, and deletion is final",
            "Retention",
            Severity.MEDIUM,
        ),
        ControlInfo("IA-04", "Participants cannot rename themselves", "Meeting", Severity.LOW),
        ControlInfo("DR-01", "Meeting traffic stays in chosen regions", "Regions", Severity.MEDIUM),
        ControlInfo(
            "TR-01",
            "Zoom's no-training commitment has been re-read and saved",
            "Training",
            Severity.HIGH,
        ),
        ControlInfo("TP-01", "Live streaming is off", "Third parties", Severity.HIGH),
    )
}


def account(name: str = "Example Health") -> Scope:
    return Scope(Level.ACCOUNT, "acc-1", name)


def group(number: int, name: str | None = None) -> Scope:
    return Scope(Level.GROUP, f"g{number:03}", f"Group {number}" if name is None else name)


def user(number: int, name: str | None = None) -> Scope:
    return Scope(
        Level.USER,
        f"u{number:05}",
        f"User {number}" if name is None else name,
        email=f"user{number}@example.com",
        licence=2,
        status="active",
    )


def deviation(control: str = "AI-01", level: Level = Level.USER, **changes: Any) -> Verdict:
    verdict = Verdict(
        control=control,
        kind=FindingKind.VALUE,
        status=Status.FAIL,
        severity=CONTROLS[control].severity,
        setting={"AI-01": SUMMARY}.get(control, f"recording.{control.lower()}"),
        observed=True,
        expected={"op": "eq", "value": False},
        locked=False,
        decided_by=level,
        changeable_by=tuple(Role),
        source=SOURCE[level],
        detail="The value differs from what the baseline asks.",
    )
    return replace(verdict, **changes)


def unknown(
    cause: Cause, control: str = "AI-06", level: Level = Level.USER, **changes: Any
) -> Verdict:
    return deviation(
        control,
        level,
        **{
            "status": Status.UNKNOWN,
            "cause": cause,
            "observed": None,
            "locked": None,
            "decided_by": None,
            "changeable_by": (),
            "detail": f"Why: {cause}.",
            **changes,
        },
    )


def passed(control: str = "IA-04", level: Level = Level.USER, **changes: Any) -> Verdict:
    return deviation(
        control,
        level,
        **{"status": Status.PASS, "observed": False, "locked": True, "detail": "", **changes},
    )


def judged(scope: Scope, verdicts: Sequence[Verdict] | VerdictSet, at: str = SEEN_AT) -> Assessment:
    """An assessment with verdicts of its own, or with a set that it shares."""
    shared = verdicts if isinstance(verdicts, VerdictSet) else VerdictSet.of(verdicts)
    return Assessment(scope, shared, {verdict.source: at for verdict in shared.verdicts})


def run_of(
    assessments: Sequence[Assessment],
    *,
    errors: Sequence[ReadError] = (),
    passes: int = 0,
    controls: dict[str, ControlInfo] | None = None,
    name: str = "strict",
    **info: Any,
) -> Run:
    """A run whose summary is counted from its assessments, plus `passes` that are not listed."""
    counted = builders.summary_of(
        assessments, pending_users=3, settings_returned=412, settings_judged=96
    )
    counted = replace(
        counted,
        by_status=Counter(counted.by_status) + Counter({Status.PASS: passes}),
        coverage={level: counted.coverage[level] for level in Level if level in counted.coverage},
    )
    verdicts = [verdict for each in assessments for verdict in each.verdicts]
    causes = {v.cause for v in verdicts if v.status is Status.UNKNOWN}
    complete = not any(cause is not None and cause.is_failed_read for cause in causes)
    facts: dict[str, Any] = {
        "id": "20261121T215800Z-7f3a",
        "account_id": "acc-1",
        "started_at": "2026-11-21T21:58:00.000Z",
        "finished_at": "2026-11-21T22:04:30.250Z",
        "baseline": BaselineInfo(name, "1.0.0", "sha256:" + "ab" * 32, "Strict"),
        "evidence_digest": "sha256:" + "cd" * 32,
        "complete": complete,
        "exit_code": 0 if complete else 3,
        **info,
    }
    return builders.run_of(
        *assessments,
        info=builders.run_info(**facts),
        summary=counted,
        api=ApiUsage(requests=923, retries=4, rate_limited=2, seconds=390.2504),
        errors=tuple(errors),
        controls=CONTROLS if controls is None else controls,
        tool_version="0.1.0",
    )


def report_of(run: Run, format_: str, **options: Any) -> bytes:
    """The report of a run in a format; `options` are the fields of `Options`."""
    out = io.BytesIO()
    FORMATS[format_].render(run, out, Options(**options))
    return out.getvalue()


DENIED = ReadError(
    "GET /users/{userId}/settings",
    Cause.DENIED,
    "Zoom refused GET /users/{userId}/settings (4711): the app lacks user:read:settings:admin.",
    ("AI-01", "AI-06"),
    12,
)
FAILED = ReadError("GET /groups", Cause.ERROR, "Zoom answered 502 five times.", ("RC-02",))


def everything() -> Run:
    """Every status, kind, cause and severity, over account, groups and users."""
    lock = deviation(
        "CN-05",
        Level.ACCOUNT,
        kind=FindingKind.LOCK,
        setting="recording.recording_disclaimer",
        observed=False,
        expected={"op": "eq", "value": True},
        decided_by=Level.ACCOUNT,
    )
    decision = deviation(
        "DR-01",
        Level.ACCOUNT,
        status=Status.NEEDS_DECISION,
        observed=["US", "CA"],
        expected={"op": "subset_of_param", "param": "allowed_regions"},
        detail="Set allowed_regions in the organisation file.",
    )
    attest = deviation(
        "TR-01",
        Level.ACCOUNT,
        kind=FindingKind.ATTESTATION,
        status=Status.ATTESTATION_EXPIRED,
        setting="",
        observed=None,
        expected=None,
        locked=None,
        detail="The attestation ran out on 2026-10-01.",
    )
    missing = replace(
        attest, status=Status.NEEDS_DECISION, detail="Nobody has attested this.", control="TP-01"
    )
    uncovered = deviation(
        "TP-01",
        Level.ACCOUNT,
        kind=FindingKind.UNCOVERED,
        status=Status.NEEDS_DECISION,
        severity=Severity.LOW,
        setting="in_meeting.brand_new_ai_thing",
        observed={"enable": True, "mode": "auto"},
        expected=None,
    )
    waived = deviation(
        "RC-02", Level.GROUP, status=Status.WAIVED, detail="Waived until 2027-01-31, SEC-12."
    )
    attested = unknown(Cause.ABSENT, "TP-01", Level.GROUP, status=Status.ATTESTED)
    top = [
        deviation("AI-01", Level.ACCOUNT),
        deviation("RT-01", Level.ACCOUNT, observed=365, expected={"op": "lte", "value": 90}),
        lock,
        decision,
        attest,
        missing,
        uncovered,
        unknown(Cause.NOT_LICENSED, "TP-01", Level.ACCOUNT),
    ]
    loose = (deviation("AI-01"), deviation("RC-02"), deviation("IA-04"), unknown(Cause.ABSENT))
    tight = (passed(), unknown(Cause.ABSENT))
    basic = (deviation("AI-01"), unknown(Cause.UNDOCUMENTED_VALUE, "RT-01", observed="maybe"))
    odd = (
        unknown(Cause.WRONG_TYPE, "RT-01", observed="ninety"),
        unknown(Cause.NOT_COLLECTED, "RC-02"),
    )
    refused = (unknown(Cause.DENIED, "AI-01"), unknown(Cause.DENIED, "AI-06"))
    assessments = [judged(account(), top)]
    assessments += [
        judged(group(1, "Clinical Ops"), [deviation("AI-01", Level.GROUP), waived]),
        judged(group(2, "Studio"), [deviation("RC-02", Level.GROUP), attested]),
        judged(group(3, "Front desk"), [unknown(Cause.ERROR, "RC-02", Level.GROUP)]),
    ]
    kinds = [loose] * 14 + [tight] * 6 + [basic] * 3 + [odd] * 2 + [refused] * 12
    assessments += [judged(user(at), verdicts) for at, verdicts in enumerate(kinds)]
    return run_of(assessments, errors=[DENIED, FAILED], passes=1234, exit_code=1, fail_on="high")


def clean() -> Run:
    """Everything as expected, nothing unknown."""
    nothing: tuple[Verdict, ...] = ()
    scopes = [account(), group(1), *map(user, range(20))]
    return run_of([judged(scope, nothing) for scope in scopes], passes=180)


def empty() -> Run:
    """Nothing selected, nothing read."""
    return run_of([], controls={}, exit_code=4)


def all_unknown() -> Run:
    """No deviation, and every cause of an unknown."""
    verdicts = [unknown(cause, control) for cause, control in zip(Cause, CONTROLS, strict=False)]
    return run_of([judged(user(1), verdicts)], errors=[DENIED])


def hostile() -> Run:
    """Every hostile name as a group and as a user, and in values, messages and settings."""
    groups = [
        judged(group(at, name), [deviation("AI-01", Level.GROUP)])
        for at, name in enumerate(HOSTILE.values())
    ]
    users = [
        judged(
            replace(user(at, name), email=name[:200]),
            [
                deviation(
                    "RC-02",
                    observed=name,
                    setting=name[:300].encode("utf-8", "replace").decode(),
                    detail=name,
                ),
                unknown(Cause.DENIED, "AI-06", detail=name),
            ],
        )
        for at, name in enumerate(HOSTILE.values())
    ]
    errors = [ReadError(name, Cause.DENIED, name, (name[:40],)) for name in HOSTILE.values()]
    run = run_of([*groups, *users], errors=errors, name=HOSTILE["markup"])
    references = [
        Reference(
            "override", f"override for {name}", "group", name, ReferenceState.UNMATCHED, name, name
        )
        for name in HOSTILE.values()
    ]
    return replace(run, references=references)


def large(users: int = 5_000) -> Run:
    """One account with `users` users, who all deviate in one of five ways; half share evidence."""
    ways = [
        (deviation("AI-01"), deviation("RC-02"), unknown(Cause.ABSENT)),
        (deviation("AI-01"),),
        (deviation("RC-02"), deviation("IA-04")),
        (deviation("IA-04"),),
        (deviation("RT-01", observed=400),),
    ]
    shared = [VerdictSet.of(way) for way in ways]
    return run_of(
        [
            judged(account(), [deviation("AI-01", Level.ACCOUNT)]),
            *(judged(user(at), shared[at % 5]) for at in range(users)),
        ]
    )


# Runs for pages: with chains, groups, a waiver and a history, and very large ones

CHAIN = (
    Layer(Level.ACCOUNT, value=False, seen=True, locked=False),
    Layer(Level.GROUP, locked=None),
    Layer(Level.USER, value=True, seen=True, decides=True),
)
WAIVER_TERMS = WaiverTerms("Trains surgeons", "dpo@example.com", "SEC-12", date(2026, 11, 27))
TREND = (
    TrendPoint("r1", parse_rfc3339("2026-11-19T22:00:00Z"), 80, 60, 1300),
    TrendPoint("r2", parse_rfc3339("2026-11-20T22:00:00Z"), 40, 70, 1340),
)


def chained(verdict: Verdict) -> Verdict:
    """The verdict with a chain where it deviates, and a waiver where it is waived."""
    if verdict.status is Status.FAIL:
        return replace(verdict, layers=CHAIN)
    if verdict.status is Status.WAIVED:
        return replace(verdict, waiver=WAIVER_TERMS)
    return verdict


def expiring(state: str = "expiring", expires: str = "2026-11-27") -> WaiverResult:
    """A waiver that ends six days after the run."""
    return WaiverResult(
        control="RC-02",
        scope="group Clinical Ops",
        reason="Trains surgeons",
        owner="dpo@example.com",
        ticket="SEC-12",
        expires=date.fromisoformat(expires),
        state=WaiverState(state),
        matched=1,
    )


def rich() -> Run:
    """Everything, with chains, users in groups, a waiver that ends soon, questions and a trend."""
    base = everything()
    assessments = []
    for at, assessment in enumerate(base.assessments):
        scope = assessment.scope
        if scope.level is Level.USER:
            scope = replace(scope, group_ids=("g001",) if at % 2 else ("g001", "g002"))
        verdicts = VerdictSet.of(map(chained, assessment.verdicts))
        assessments.append(Assessment(scope, verdicts, assessment.observed_at))
    passes = sum(v.status is Status.PASS for assessment in assessments for v in assessment.verdicts)
    return replace(
        base,
        summary=replace(base.summary, by_status={**base.summary.by_status, Status.PASS: passes}),
        assessments=VerdictStore.of(assessments),
        trend=TREND,
        waivers=(expiring(),),
        questions=shipped().questions,
    )


def every_level() -> Run:
    """One scope of each level, which all deviate in controls with long titles and settings."""
    scopes = [Scope(level, f"id-{level}", f"One {level.noun}") for level in Level]
    verdicts = [chained(deviation(control)) for control in ("AI-01", "CN-05", "TR-01")]
    return run_of([judged(scope, verdicts) for scope in scopes])


def relaxed() -> Run:
    """A group that deviates where the account does not, and one where it does as well."""
    unlocked = deviation("RC-02", Level.ACCOUNT, kind=FindingKind.LOCK, observed=False)
    return run_of(
        [
            judged(account(), [deviation("AI-01", Level.ACCOUNT), unlocked]),
            judged(
                group(1, "Sales"),
                [
                    deviation("AI-01", Level.GROUP),
                    deviation("RC-02", Level.GROUP),
                ],
            ),
        ]
    )


def verdict_combinations(count: int) -> list[VerdictSet]:
    """Distinct sets of verdicts with eleven findings each."""
    combinations = []
    for at in range(count):
        failed = [
            deviation(
                control,
                setting=f"in_meeting.{control.lower()}.part_{part}",
                severity=list(Severity)[(at + part) % 4],
                observed=at % 7,
                expected={"op": "eq", "value": -1},
                layers=CHAIN,
            )
            for control in ("AI-01", "RC-02", "IA-04", "RT-01", "AI-06")
            for part in range(2)
        ]
        absent = unknown(Cause.ABSENT, "TP-01", setting=f"chat.way_{at % 5}")
        combinations.append(VerdictSet.of([*failed, absent]))
    return combinations


def huge(users: int = 100_000, kinds: int = 400, groups: int = 300) -> Run:
    """An account in which all of `users` users deviate in ten settings, in 300 groups."""
    combinations = verdict_combinations(kinds)
    seen = {SOURCE[Level.USER]: SEEN_AT}
    assessments = [
        judged(account(), [deviation("AI-01", Level.ACCOUNT)]),
        *(judged(group(at), [deviation("RC-02", Level.GROUP)]) for at in range(groups)),
    ]
    for at in range(users):
        person = replace(
            user(at, f"Given-name{at} Family-name{at}"),
            group_ids=(f"g{at % groups:03}", f"g{(at * 7) % groups:03}"),
        )
        assessments.append(Assessment(person, combinations[at % kinds], seen))
    return run_of(assessments)


def scattered(users: int = 6_000) -> Run:
    """Users with distinct deviations, so that no rows can be merged."""
    return run_of(
        [judged(user(at), [deviation("RC-02", observed=f"value {at}")]) for at in range(users)]
    )
