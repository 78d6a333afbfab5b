"""Pictures: the shapes behind the drawings of a report, each with its sentence for who reads.

Only lengths and words are worked out here; the template draws them as inline SVG.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from auditor.evidence.scope import Level
from auditor.findings.exposure import Exposure, GroupExposure
from auditor.findings.model import Status, TrendPoint
from auditor.findings.rollup import Rollup
from auditor.findings.run import Run
from auditor.report import wording
from auditor.report.display import shorten

WIDTH = 1000
"""Width of a full bar, in its own units."""
TREND_WIDTH, TREND_HEIGHT = 640, 150
"""Size of the trend, in its own units."""
_MARGIN = 10
"""Room around the trend for its marks."""
MOST_BARS = 12
"""Groups with a bar of their own."""
_LABEL = 60
"""Columns of a label."""


@dataclass(frozen=True, slots=True)
class BarSegment:
    """One part of a stacked bar."""

    name: str
    """Names its colour in the style sheet."""
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a bar chart."""

    label: str
    parts: tuple[BarSegment, ...]
    counts: str
    """What the parts stand for, in words."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the trend."""

    name: str
    points: tuple[tuple[float, float], ...]
    first: int
    last: int

    @property
    def path(self) -> str:
        """The points as SVG's `points` wants them."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend over stored runs, this one last."""

    points: tuple[TrendPoint, ...]
    lines: tuple[Line, ...]
    top: int
    """The number at the upper edge."""
    coverage: tuple[str, ...]
    """The part of the checks that could be judged, on a scale of its own from none to all: lines
    as SVG's `points` wants them, interrupted where a run made no check."""
    gaps: tuple[float, ...]
    """Where the runs stand that could not read everything."""


def outcomes(run: Run) -> list[tuple[Status, int, float, float]]:
    """How the checks came out: status, count, start and width of its part of the bar."""
    counts = run.summary.by_status
    present = [(status, counts[status]) for status in Status if counts.get(status)]
    parts = _stack([(str(status), count) for status, count in present], wording.judged(run))
    return [
        (status, count, part.start, part.width)
        for (status, count), part in zip(present, parts, strict=True)
    ]


def by_family(run: Run, rollup: Rollup) -> list[Bar]:
    """Deviations by family of controls, the most first, each bar by level."""
    counts: defaultdict[str, Counter[Level]] = defaultdict(Counter)
    for group in rollup.of_status(Status.FAIL):
        info = run.controls.get(group.verdict.control)
        counts[(info.family if info else "") or "Other"].update(group.by_level)
    most = max((levels.total() for levels in counts.values()), default=0)
    ordered = sorted(counts.items(), key=lambda item: (-item[1].total(), item[0].casefold()))
    return [
        Bar(
            label=shorten(family, _LABEL),
            parts=_stack([(shade(level), levels[level]) for level in Level], most),
            counts=f"{wording.counted(levels.total(), 'deviation')}: {_at_levels(levels)}",
        )
        for family, levels in ordered
    ]


def _at_levels(counts: Counter[Level]) -> str:
    present = sorted((level for level in counts if counts[level]), key=lambda level: level.rank)
    return ", ".join(
        f"{wording.level_name(level)} {wording.number(counts[level])}" for level in present
    )


def shade(level: Level) -> str:
    """Which of the four shades stands for a level: account, group, user or meeting."""
    return _SHADES.get(level, "account")


_SHADES: Mapping[Level, str] = {
    Level.GROUP: "group",
    Level.PHONE_GROUP: "group",
    Level.PHONE_SITE: "group",
    Level.USER: "user",
    Level.PHONE_USER: "user",
    Level.MEETING: "meeting",
    Level.WEBINAR: "meeting",
}


def by_group(exposure: Exposure) -> tuple[list[Bar], int]:
    """How many members of each group deviate, and how many more such groups there are.

    Where members were counted a full bar is all of them, else the most that deviate in one group.
    """
    exposed = [group for group in exposure.groups if group.deviating]
    most = max((group.deviating for group in exposed), default=0)
    bars = [
        Bar(
            label=shorten(group.name, _LABEL),
            parts=_stack([("deviating", group.deviating)], group.members or most),
            counts=_members(group),
        )
        for group in exposed[:MOST_BARS]
    ]
    return bars, len(exposed) - len(bars)


def _members(group: GroupExposure) -> str:
    if group.members is None:
        return f"{wording.counted(group.deviating, 'member')} {_deviate(group.deviating)}"
    return (
        f"{wording.number(group.deviating)} of {wording.counted(group.members, 'member')} "
        f"{_deviate(group.deviating)}"
    )


def _deviate(count: int) -> str:
    return "deviates" if count == 1 else "deviate"


def trend(run: Run) -> Trend | None:
    """The trend; None where there is no earlier run to compare with."""
    if not run.trend:
        return None
    by_status = run.summary.by_status
    now = TrendPoint(
        run.info.id,
        run.info.finished_at,
        by_status.get(Status.FAIL, 0),
        by_status.get(Status.UNKNOWN, 0),
        wording.judged(run),
        run.info.complete,
    )
    points = (*run.trend, now)
    series = {
        "deviations": [point.deviations for point in points],
        "unknown": [point.unknown for point in points],
    }
    top = max(1, *(max(values) for values in series.values()))
    return Trend(
        points=points,
        lines=tuple(_line(name, values, top) for name, values in series.items()),
        top=top,
        coverage=_coverage(points),
        gaps=tuple(
            _position(index, len(points), 0)[0]
            for index, point in enumerate(points)
            if not point.complete
        ),
    )


def coverage_text(point: TrendPoint) -> str:
    """How many checks of a run could be judged, and of how many."""
    checks = wording.counted(point.judged, "check")
    return f"{wording.number(point.judged - point.unknown)} of {checks}"


def _coverage(points: Sequence[TrendPoint]) -> tuple[str, ...]:
    positions = [
        _position(index, len(points), (point.judged - point.unknown) / point.judged)
        if point.judged
        else None
        for index, point in enumerate(points)
    ]
    return tuple(
        " ".join(f"{x:g},{y:g}" for x, y in filter(None, stretch))
        for has_checks, stretch in groupby(positions, key=lambda position: position is not None)
        if has_checks
    )


def _line(name: str, values: Sequence[int], top: int) -> Line:
    points = tuple(_position(index, len(values), value / top) for index, value in enumerate(values))
    return Line(name, points, values[0], values[-1])


def _position(index: int, count: int, share: float) -> tuple[float, float]:
    """Where the run at a place of so many stands, at a part of the height."""
    step = (TREND_WIDTH - 2 * _MARGIN) / (count - 1)
    drawable = TREND_HEIGHT - 2 * _MARGIN
    return round(_MARGIN + index * step, 1), round(_MARGIN + drawable * (1 - share), 1)


def _stack(counts: Sequence[tuple[str, int]], total: int) -> tuple[BarSegment, ...]:
    """Parts beside each other, as long as their share of `total`; none for a count of zero."""
    parts: list[BarSegment] = []
    start = 0.0
    for name, count in counts:
        if count:
            width = WIDTH * count / total
            parts.append(BarSegment(name, round(start, 2), round(width, 2)))
            start += width
    return tuple(parts)
