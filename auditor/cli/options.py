"""Options that several commands share, and their parsers."""

import math
import re
import time
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.app.choices import FailOn, Plan, format_names
from auditor.config import ConfigError

if TYPE_CHECKING:
    from auditor.evidence.read_plan import MeetingSelection


class TextOrJson(StrEnum):
    """The values of `--format` of commands that print no report."""

    TEXT = "text"
    JSON = "json"


class Depth(StrEnum):
    """The values of `--depth`."""

    ACCOUNT = "account"
    GROUP = "group"
    USER = "user"
    MEETING = "meeting"


BaselineOption = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        "-b",
        metavar="NAME|FILE",
        help="The baseline: the name of a shipped one, or a file. "
        "[default: the organisation file's, else AUDITOR_BASELINE, else consent-first]",
        show_default=False,
    ),
]
OrgOption = Annotated[
    Path | None,
    typer.Option(
        "--org",
        metavar="FILE",
        help="The organisation file: parameters, overrides, waivers… [default: AUDITOR_ORG; for a "
        "stored run, the one it was judged with]",
        show_default=False,
    ),
]
FailOnOption = Annotated[
    FailOn | None,
    typer.Option(
        "--fail-on",
        help="Exit with 1 on deviations of this severity or higher. [default: never]",
        show_default=False,
    ),
]
TextOrJsonOption = Annotated[TextOrJson, typer.Option("--format", "-f", help="The output format.")]
SettingPathOption = Annotated[
    list[str] | None,
    typer.Option(
        "--setting",
        metavar="PATH",
        help="Only this setting, those below it, or a pattern with *; may be repeated.",
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="CONTROL", help="Only this control; may be repeated."),
]
TopicOption = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="TOPIC", help="Only this topic, e.g. ai; may be repeated."),
]
PassesOption = Annotated[
    bool, typer.Option("--include-passes", help="List passes instead of only counting them.")
]
AllowUnknownOption = Annotated[
    bool, typer.Option("--allow-unknown", help="Exit 0 instead of 3; the report says so.")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Exit 3 on open decisions or missing attestations.")
]
FormatOption = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help=f"{', '.join(format_names()[:-1])} or {format_names()[-1]}. "
        "[default: text, for a file by its suffix]",
        show_default=False,
    ),
]
OutputOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write the report here; may be repeated, one format each.",
    ),
]
FrameworkOption = Annotated[
    str | None,
    typer.Option(
        "--framework",
        metavar="NAME",
        help="Group reports for people by the provisions of gdpr, eu-ai-act, hipaa, ferpa, "
        "nist-ai-rmf, nist-800-53r5, iso-27701, iso-42001, soc2 or cis-zoom-1.0.",
        show_default=False,
    ),
]
PseudonymiseOption = Annotated[
    bool,
    typer.Option(
        "--pseudonymise",
        help="Replace people and their meetings by keyed pseudonyms that are the same in every "
        "run. The key is in the keyring or in AUDITOR_PSEUDONYM_KEY.",
    ),
]

SandboxRunsOption = Annotated[
    bool,
    typer.Option("--sandbox", help="Use the runs of --sandbox, which are stored separately."),
]
AccountOption = Annotated[
    str | None,
    typer.Option(
        "--account",
        metavar="ID",
        help="The account. [default: ZOOM_ACCOUNT_ID, or the only one stored]",
        show_default=False,
    ),
]
AllAccountsOption = Annotated[
    bool, typer.Option("--all-accounts", help="All stored accounts, of every API address.")
]

PlanOption = Annotated[
    Plan | None,
    typer.Option(
        "--plan",
        help="The account's Zoom plan, which sets the rate limits; auto: those of pro. "
        "[default: AUDITOR_PLAN, else auto]",
        show_default=False,
    ),
]
MaxRateOption = Annotated[
    float | None,
    typer.Option(
        "--max-rate",
        metavar="N",
        min=0.01,
        help="The maximum requests per second, instead of the plan's limit.",
    ),
]
RateShareOption = Annotated[
    float | None,
    typer.Option(
        "--rate-share",
        metavar="0..1",
        min=0.01,
        max=1,
        help="The share of the limit to use; the rest is left to other apps. [default: 0.8]",
        show_default=False,
    ),
]
VerifyLocksOption = Annotated[
    int,
    typer.Option(
        "--verify-locks",
        metavar="N",
        min=0,
        help="If the account's value is right and locked, read only N random users to confirm it. "
        "0: read every user.",
    ),
]
RefreshOption = Annotated[
    str | None,
    typer.Option(
        "--refresh",
        metavar="7d",
        help="Carry over users whose documents are younger than this and who are not affected by a "
        "change. [default: read everybody]",
        show_default=False,
    ),
]
VerifyCarriedOption = Annotated[
    int | None,
    typer.Option(
        "--verify-carried",
        metavar="N",
        min=0,
        help="With --refresh: read N random users of those carried over, and compare. "
        "[default: 2 % of them, at least 25, at most 200]",
        show_default=False,
    ),
]
MaxEvidenceAgeOption = Annotated[
    str,
    typer.Option(
        "--max-evidence-age",
        metavar="24h",
        help="When resuming a run, read evidence older than this again.",
    ),
]
KeepOption = Annotated[
    str, typer.Option("--keep", metavar="90d", help="Keep every run younger than this.")
]
KeepMonthlyOption = Annotated[
    int,
    typer.Option(
        "--keep-monthly", metavar="N", min=0, help="Also keep the last run of each of N months."
    ),
]

DepthOption = Annotated[Depth, typer.Option("--depth", help="The deepest level to read.")]
DeadlineOption = Annotated[
    str | None,
    typer.Option(
        "--deadline",
        metavar="6h",
        help="Stop reading after this time; the next run resumes. [default: none]",
        show_default=False,
    ),
]
GateFailOnOption = Annotated[
    FailOn, typer.Option("--fail-on", help="Fail on deviations of this severity or higher.")
]
MaxAgeOption = Annotated[
    str, typer.Option("--max-age", metavar="26h", help="The maximum age of a stored run.")
]
NewOnlyOption = Annotated[
    bool,
    typer.Option(
        "--new-only",
        help="Count only what is new since the accepted run (auditor gate accept RUN).",
    ),
]
GateAllowUnknownOption = Annotated[
    bool,
    typer.Option("--allow-unknown", help="Pass although checks are unknown; the report says so."),
]
RequireSignatureOption = Annotated[
    bool,
    typer.Option(
        "--require-signature",
        help="Judge only a run that is signed with the trusted key: AUDITOR_VERIFY_KEY, or this "
        "machine's own.",
    ),
]
ReportFilesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write the report here, in the format of its suffix; may be repeated.",
    ),
]

_DURATION = re.compile(r"(\d{1,5})\s*(m|min|h|d|w)", re.IGNORECASE)
_SHORTEST_REFRESH, _LONGEST_REFRESH = timedelta(hours=1), timedelta(days=30)
"""Events that name people are kept for longer than the longest."""
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str, option: str) -> timedelta:
    """A duration such as 90m, 24h, 30d or 2w.

    Raises:
        ConfigError: the text is not one.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"{option} {text}: write a number with m, h, d or w, such as 24h or 30d.")
    return timedelta(**{_UNITS[match[2].lower()]: int(match[1])})


def deadline_time(text: str | None) -> float:
    """The `time.monotonic` time that `--deadline` means; infinite without it.

    Raises:
        ConfigError: it is not a duration.
    """
    if text is None:
        return math.inf
    return time.monotonic() + parse_duration(text, "--deadline").total_seconds()


def refresh_seconds(refresh: str | None, verify_carried: int | None) -> float | None:
    """The seconds of `--refresh`; None without it.

    Raises:
        ConfigError: it is not a duration, is too short or long, or only `--verify-carried` was
            given.
    """
    if refresh is None:
        if verify_carried is not None:
            raise ConfigError("--verify-carried: only with --refresh, such as --refresh 7d.")
        return None
    duration = parse_duration(refresh, "--refresh")
    if not _SHORTEST_REFRESH <= duration <= _LONGEST_REFRESH:
        raise ConfigError(f"--refresh {refresh}: give at least 1h and at most 30d, such as 7d.")
    return duration.total_seconds()


def meeting_selection(
    per_host: int | None, within: str | None, of: Sequence[str] | None
) -> "MeetingSelection":
    """Which upcoming meetings to read.

    Raises:
        ConfigError: a duration or a host is invalid.
    """
    from auditor.evidence.read_plan import MeetingSelection

    days = None
    if within is not None:
        days = math.ceil(parse_duration(within, "--meetings-within") / timedelta(days=1))
    named: dict[str, list[str]] = {"user": [], "group": []}
    for host in of or ():
        kind, _, name = host.partition(":")
        if kind.strip().lower() not in named or not name.strip():
            raise ConfigError(
                f"--meetings-of {host}: write user:NAME or group:NAME, such as "
                "user:ann@example.com or 'group:Legal*'."
            )
        named[kind.strip().lower()].append(name.strip())
    return MeetingSelection(per_host, days, tuple(named["user"]), tuple(named["group"]))
