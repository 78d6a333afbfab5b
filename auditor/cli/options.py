"""Options that several commands share, and their parsers."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from auditor.app.audit import EvaluationConfig
from auditor.config.settings import DEFAULT_BASELINE, ConfigError
from auditor.evidence.read_plan import MeetingSelection
from auditor.evidence.scope import Level
from auditor.evidence.snapshot import Snapshot
from auditor.findings.model import Severity
from auditor.policy.baseline import baselines as baseline
from auditor.policy.baseline import organisation
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.catalogue import files
from auditor.zoom.limits import RatePlan


class Depth(StrEnum):
    """The values of `--depth`."""

    ACCOUNT = "account"
    GROUP = "group"
    USER = "user"
    MEETING = "meeting"


class FailOn(StrEnum):
    """The values of `--fail-on`."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEVER = "never"

    @property
    def severity(self) -> Severity | None:
        """The lowest severity that fails; None for never."""
        return None if self is FailOn.NEVER else Severity(self)


BaselineOption = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        "-b",
        metavar="NAME|FILE",
        help="What to measure against: a shipped baseline or a file. "
        "[default: the organisation file's, else AUDITOR_BASELINE, else consent-first]",
        show_default=False,
    ),
]
OrgOption = Annotated[
    Path | None,
    typer.Option(
        "--org",
        metavar="FILE",
        help="Organisation file: parameters, overrides, waivers… [default: AUDITOR_ORG; of a run "
        "that is stored, the one it was judged by]",
        show_default=False,
    ),
]
FailOnOption = Annotated[
    FailOn | None,
    typer.Option(
        "--fail-on",
        help="Exit with 1 at deviations this severe or worse. [default: never]",
        show_default=False,
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
    bool, typer.Option("--include-passes", help="List passes too, not only count them.")
]
AllowUnknownOption = Annotated[
    bool, typer.Option("--allow-unknown", help="Exit 0 instead of 3; the report says so.")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Open decisions and missing attestations give exit 3.")
]
FormatOption = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help="text, json, html, pdf, markdown, csv, xlsx, ndjson, sarif, junit, ocsf, oscal, "
        "prometheus or bundle. [default: text, for a file by its suffix]",
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
        help="Regroup reports for people by the references of gdpr, hipaa, nist-800-53r5, "
        "iso-27701, iso-42001, soc2, cis-zoom-1.0 or eu-ai-act.",
        show_default=False,
    ),
]
PseudonymiseOption = Annotated[
    bool,
    typer.Option(
        "--pseudonymise",
        help="Put keyed pseudonyms in place of people and their meetings, the same in every run. "
        "The key is in the keyring, or in AUDITOR_PSEUDONYM_KEY.",
    ),
]

PlanOption = Annotated[
    RatePlan | None,
    typer.Option(
        "--plan",
        help="The account's Zoom plan, which sets the rate limits. auto: as pro. "
        "[default: AUDITOR_PLAN, else auto]",
        show_default=False,
    ),
]
MaxRateOption = Annotated[
    float | None,
    typer.Option(
        "--max-rate", metavar="N", min=0.01, help="Requests a second, in place of the plan's."
    ),
]
RateShareOption = Annotated[
    float | None,
    typer.Option(
        "--rate-share",
        metavar="0..1",
        min=0.01,
        max=1,
        help="The part of the limit to use; the rest is for other apps. [default: 0.8]",
        show_default=False,
    ),
]
VerifyLocksOption = Annotated[
    int,
    typer.Option(
        "--verify-locks",
        metavar="N",
        min=0,
        help="Where the account's value is right and locked, read only N users, drawn at "
        "random, to confirm it. 0: read every user.",
    ),
]
MaxEvidenceAgeOption = Annotated[
    str,
    typer.Option(
        "--max-evidence-age",
        metavar="24h",
        help="Where an unfinished run goes on: read again what was read longer ago.",
    ),
]
KeepOption = Annotated[
    str, typer.Option("--keep", metavar="90d", help="Keep every run younger than this.")
]
KeepMonthlyOption = Annotated[
    int,
    typer.Option(
        "--keep-monthly", metavar="N", min=0, help="And the last run of each of N months."
    ),
]

_DURATION = re.compile(r"(\d{1,5})\s*(m|min|h|d|w)", re.IGNORECASE)
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


def meeting_selection(
    per_host: int | None, within: str | None, of: Sequence[str] | None
) -> MeetingSelection:
    """Which upcoming meetings to read.

    Raises:
        ConfigError: a duration or a host is invalid.
    """
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


@dataclass(frozen=True)
class Selection:
    """The policy options of the command line."""

    baseline: str | None = None
    org: Path | None = None
    fail_on: FailOn | None = None
    only: list[str] = field(default_factory=list)
    topic: list[str] = field(default_factory=list)
    include_passes: bool = False
    allow_unknown: bool = False
    strict: bool = False

    def __post_init__(self) -> None:
        if self.baseline is not None and not self.baseline.strip():
            raise ConfigError("--baseline is empty. Name a baseline, or leave the option out.")

    def judgement(
        self, depth: Level, default_baseline: str, default_org: Path | None = None
    ) -> EvaluationConfig:
        """The selected catalogue, baseline and organisation file, otherwise the configured ones.

        Raises:
            PolicyError: a name does not exist or a file is invalid.
        """
        catalogue = files.shipped_catalogue()
        org = self.org or default_org
        chosen = organisation.load(org, catalogue) if org else Organisation()
        named = (
            organisation.baseline_of(org, chosen, catalogue) if org and not self.baseline else None
        )
        judgement = EvaluationConfig(
            catalogue=catalogue,
            baseline=named or baseline.load(self.baseline or default_baseline, catalogue),
            organisation=chosen,
            depth=depth,
        )
        return self._with_selection(judgement)

    def rejudgement(self, snapshot: Snapshot, depth: Level | None = None) -> EvaluationConfig:
        """The config of a stored run, changed by the options of the command line.

        Raises:
            PolicyError: a name does not exist, a file is invalid, or the run was judged by a
                version that this one does not understand.
        """
        catalogue = files.shipped_catalogue()
        if self.baseline is not None and self.org is not None:
            recorded = Level(snapshot.meta("depth") or Level.USER)
            return self.judgement(depth or recorded, DEFAULT_BASELINE)
        stored = EvaluationConfig.from_snapshot(snapshot, catalogue)
        if self.baseline is not None:
            chosen_baseline = baseline.load(self.baseline, catalogue)
            stored = replace(stored, baseline=chosen_baseline, selected=None)
        if self.org is not None:  # decisions made since the run apply as of today
            chosen = organisation.load(self.org, catalogue)
            file_baseline = organisation.baseline_of(self.org, chosen, catalogue) or stored.baseline
            today = datetime.now(UTC).date()
            stored = replace(stored, baseline=file_baseline, organisation=chosen, today=today)
        return self._with_selection(replace(stored, depth=depth or stored.depth))

    def _with_selection(self, judgement: EvaluationConfig) -> EvaluationConfig:
        selected = judgement.selected
        if self.only or self.topic or selected is None:
            selected = judgement.catalogue.select(self.only, self.topic)
        return replace(
            judgement,
            baseline=judgement.baseline.only(selected),
            selected=selected,
            fail_on=judgement.fail_on if self.fail_on is None else self.fail_on.severity,
            allow_unknown=self.allow_unknown or judgement.allow_unknown,
            strict=self.strict or judgement.strict,
            keep_passes=self.include_passes,
        )
