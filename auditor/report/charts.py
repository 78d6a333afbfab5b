"""Geometry and captions of the charts; the template draws them as inline SVG."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from auditor.evidence.scope import Level
from auditor.findings.exposure import Exposure, GroupExposure
from auditor.findings.model import Status, TrendPoint
from auditor.findings.rollup import Rollup
from auditor.findings.run import Run
from auditor.plain_text import pluralize
from auditor.report import wording
from auditor.report.display import shorten

WIDTH = 1000
"""Width of a full bar, in SVG units."""
TREND_WIDTH, TREND_HEIGHT = 640, 150
"""Size of the trend, in SVG units."""
_MARGIN = 10
"""Margin around the trend, for its markers."""
MOST_BARS = 12
"""Groups with a bar of their own."""
_LABEL = 60
"""Columns of a label."""


@dataclass(frozen=True, slots=True)
class BarSegment:
    """One part of a stacked bar."""

    name: str
    """Selects the colour in the style sheet."""
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a bar chart."""

    label: str
    parts: tuple[BarSegment, ...]
    counts: str
    """What the segments mean, in words."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the trend."""

    name: str
    points: tuple[tuple[float, float], ...]
    first: int
    last: int

    @property
    def path(self) -> str:
        """The points as an SVG `points` attribute."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend over the stored runs; the current run is last."""

    points: tuple[TrendPoint, ...]
    lines: tuple[Line, ...]
    top: int
    """The number at the upper edge."""
    coverage: tuple[str, ...]
    """The share of checks that could be judged, on a separate scale from none to all: SVG `points`
    of polylines, interrupted at runs without checks."""
    gaps: tuple[float, ...]
    """Horizontal positions of incomplete runs."""


def outcomes(run: Run) -> list[tuple[Status, int, float, float]]:
    """The bar of check results: status, count, start and width of each segment."""
    counts = run.summary.by_status
    present = [(status, counts[status]) for status in Status if counts.get(status)]
    parts = _stack([(str(status), count) for status, count in present], wording.judged(run))
    return [
        (status, count, part.start, part.width)
        for (status, count), part in zip(present, parts, strict=True)
    ]


def by_family(rollup: Rollup) -> list[Bar]:
    """Broken rules by topic, each counted at every place, the most first, each bar by level."""
    counts: defaultdict[str, Counter[Level]] = defaultdict(Counter)
    rules: Counter[str] = Counter()
    for control in rollup.deviating_controls:
        family = control.info.family or "Other"
        counts[family].update(control.deviating)
        rules[family] += 1
    most = max((levels.total() for levels in counts.values()), default=0)
    ordered = sorted(counts.items(), key=lambda item: (-item[1].total(), item[0].casefold()))
    return [
        Bar(
            label=shorten(family, _LABEL),
            parts=_stack([(shade(level), levels[level]) for level in Level], most),
            counts=f"{pluralize(rules[family], 'rule')}, broken {_times(levels.total())}: "
            f"{_at_levels(levels)}",
        )
        for family, levels in ordered
    ]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{wording.number(count)} times"


def _at_levels(counts: Counter[Level]) -> str:
    """`account 3, groups 9, people 148`: there is one account, however often rules are broken."""
    present = sorted((level for level in counts if counts[level]), key=lambda level: level.rank)
    return ", ".join(
        f"{wording.level_name(level, 1 if level in _ONE else counts[level])} "
        f"{wording.number(counts[level])}"
        for level in present
    )


_ONE = (Level.ACCOUNT, Level.PHONE_ACCOUNT)


def shade(level: Level) -> str:
    """The shade of a level: account, group, user or meeting."""
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

    A full bar is all members of the group, or, if they were not counted, the members who deviate
    in the most affected group.
    """
    exposed = [group for group in exposure.groups if group.deviating]
    most = max((group.deviating for group in exposed), default=0)
    bars = [
        Bar(
            label=f"“{shorten(group.name, _LABEL)}”",
            parts=_stack([("deviating", group.deviating)], group.members or most),
            counts=_members(group),
        )
        for group in exposed[:MOST_BARS]
    ]
    return bars, len(exposed) - len(bars)


def _members(group: GroupExposure) -> str:
    if group.members is None:
        return f"{pluralize(group.deviating, 'member')} {_deviate(group.deviating)}"
    return (
        f"{wording.number(group.deviating)} of {pluralize(group.members, 'member')} "
        f"{_deviate(group.deviating)}"
    )


def _deviate(count: int) -> str:
    return "has a broken rule" if count == 1 else "have a broken rule"


def trend(run: Run) -> Trend | None:
    """The trend; None without an earlier run."""
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
    """`177 of 180 checks`: the checks of a run that could be judged."""
    checks = pluralize(point.judged, "check")
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
    """The point of run `index` of `count` runs, at `share` of the height."""
    step = (TREND_WIDTH - 2 * _MARGIN) / (count - 1)
    drawable = TREND_HEIGHT - 2 * _MARGIN
    return round(_MARGIN + index * step, 1), round(_MARGIN + drawable * (1 - share), 1)


def _stack(counts: Sequence[tuple[str, int]], total: int) -> tuple[BarSegment, ...]:
    """Adjacent segments, each as wide as its share of `total`; counts of zero have none."""
    parts: list[BarSegment] = []
    start = 0.0
    for name, count in counts:
        if count:
            width = WIDTH * count / total
            parts.append(BarSegment(name, round(start, 2), round(width, 2)))
            start += width
    return tuple(parts)
