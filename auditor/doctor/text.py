"""The doctor's report for the terminal: checks, scopes, and what to do."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from auditor.doctor.model import CheckState, DoctorCheck, DoctorReport
from auditor.doctor.scopes import ScopeComparison, ScopeKind, ScopeRequirement
from auditor.errors import ExitCode
from auditor.report.display import printable, shorten
from auditor.zoom.hosts import COMMERCIAL, GOVERNMENT

NARROWEST = 60
"""Minimum width, in columns."""
_STATE = 8
_TITLE = 16
_SGR = {
    CheckState.OK: "32",
    CheckState.WARNING: "33",
    CheckState.FAILED: "1;31",
    CheckState.SKIPPED: "2",
}

_VERDICT = {
    "audit": {
        ExitCode.OK: "An audit would be complete.",
        ExitCode.INCOMPLETE: "An audit would work, but leave something unknown.",
        ExitCode.USAGE: "An audit would not start: correct the configuration first.",
        ExitCode.NOTHING_EVALUATED: "An audit would not work: nothing could be read or stored.",
    },
    "fix": {
        ExitCode.OK: "The app may make every change.",
        ExitCode.INCOMPLETE: "Some changes would be refused, or could not be verified.",
        ExitCode.USAGE: "Nothing would be changed: correct the configuration first.",
        ExitCode.NOTHING_EVALUATED: "Nothing would be changed: Zoom issues no token.",
    },
}
_MARKETPLACE = {COMMERCIAL: "marketplace.zoom.us", GOVERNMENT: "marketplace.zoomgov.com"}
ADD_HERE = (
    "Where: Zoom App Marketplace ({market}) > Manage > the app > Scopes > Add Scopes. Then save, "
    "and activate the app again if its page asks for it."
)


def lines(
    diagnosis: DoctorReport, width: int, *, color: bool, every_control: bool
) -> Iterator[str]:
    """The report in lines of `width` columns; only paths and scopes may be longer.

    `every_control`: also list the controls that miss no scope.
    """
    cloud = GOVERNMENT if "zoomgov.com" in diagnosis.subject.oauth_url else COMMERCIAL
    page = _DoctorPage(max(width, NARROWEST), color, _MARKETPLACE[cloud])
    for check in diagnosis.checks:
        yield from page.check(check)
    scopes = diagnosis.scopes
    if scopes is not None and scopes.required:
        yield ""
        yield from page.scopes(scopes)
        if every_control or scopes.unknown:
            yield ""
            yield from page.controls(scopes, every_control)
    yield ""
    yield from page.end(diagnosis)


class _DoctorPage:
    def __init__(self, width: int, color: bool, market: str) -> None:
        self.width, self.color, self.market = width, color, market

    def check(self, check: DoctorCheck) -> Iterator[str]:
        """State, title and sentence of a check; below it the advice."""
        lines = self._wrapped(printable(check.sentence), _STATE + 2 + _TITLE + 1)
        state = self._paint(f"{check.state:<{_STATE}}", check.state)
        yield f"{state}  {check.title:<{_TITLE}} {lines[0].lstrip()}".rstrip()
        yield from lines[1:]
        if check.advice:
            lead = "" if check.state is CheckState.OK else "Next: "
            yield from self._wrapped(lead + printable(check.advice), _STATE + 2 + _TITLE + 1)

    def scopes(self, scopes: ScopeComparison) -> Iterator[str]:
        """The scopes of the audit, and the missing ones to copy."""
        if scopes.granted is None:
            yield from self._table("Scopes this audit needs", scopes.required)
            yield from self._to_copy(scopes, _all_of(scopes.required, scopes.kind))
            return
        held = [requirement for requirement in scopes.required if requirement.granted]
        if held:
            yield from self._table("Granted", held)
        if scopes.missing:
            if held:
                yield ""
            yield from self._table("Missing", scopes.missing)
            yield from self._to_copy(scopes, scopes.to_add)
        yield from self._optional(scopes)

    def _table(self, heading: str, rows: Sequence[ScopeRequirement]) -> Iterator[str]:
        """A table of granular scope, classic scope, and number of controls."""
        second = max(len("classic scope"), *(len(row.scope(ScopeKind.CLASSIC)) for row in rows))
        room = self.width - second - len("    controls")
        first = min(room, max(len(row.scope(ScopeKind.GRANULAR)) for row in rows))
        yield self._paint(f"{heading} ({len(rows)})", "heading")
        yield f"{'granular scope':<{first}}  {'classic scope':<{second}}  controls"
        yield f"{'-' * first}  {'-' * second}  --------"
        for row in rows:
            granular, classic = row.scope(ScopeKind.GRANULAR), row.scope(ScopeKind.CLASSIC) or "-"
            if len(granular) > first:
                yield granular
                granular = ""
            yield f"{granular:<{first}}  {classic:<{second}}  {len(row.controls):>8}"

    def _to_copy(self, scopes: ScopeComparison, listed: Sequence[str]) -> Iterator[str]:
        if not listed:
            return
        yield ""
        what = "classic" if scopes.kind is ScopeKind.CLASSIC else "granular"
        yield self._paint(f"To copy ({len(listed)}, {what})", "heading")
        yield from listed
        yield ""
        yield from self._wrapped(ADD_HERE.format(market=self.market), 0)
        requirements = scopes.missing or scopes.required
        others = {
            requirement.scope(scopes.kind): requirement.alternatives(scopes.kind)
            for requirement in requirements
        }
        for scope, alternatives in sorted(others.items()):
            if scope in listed and alternatives:
                names = " or ".join(alternatives)
                text = f"If the page does not offer {scope}, choose {names}."
                yield from self._wrapped(text, 0)
        for requirement in scopes.without_scope:
            yield from self._wrapped(
                f"{requirement.endpoint.request} has no classic scope: it needs an app with "
                f"granular scopes, and {requirement.scope(ScopeKind.GRANULAR)}.",
                0,
            )

    def _optional(self, scopes: ScopeComparison) -> Iterator[str]:
        if scopes.optional:
            yield ""
            yield self._paint("Optional", "heading")
        for requirement in scopes.optional:
            scope = requirement.scope(scopes.kind) or requirement.scope(ScopeKind.GRANULAR)
            state = "granted" if requirement.granted else "not granted"
            yield from self._wrapped(f"{scope} ({state}): {requirement.adds}.", 0, hanging=2)

    def controls(self, scopes: ScopeComparison, every: bool) -> Iterator[str]:
        """The scopes that each control misses, or all it needs."""
        chosen = list(scopes.needs.by_control) if every else list(scopes.unknown)
        if scopes.granted is None:
            heading = f"Controls ({len(chosen)}), and the scopes they need"
        elif every:
            heading = f"Controls ({len(chosen)}), and their scopes"
        else:
            heading = f"Controls that would be unknown ({len(chosen)}), and what they miss"
        yield self._paint(heading, "heading")
        wide = max((len(cid) for cid in chosen), default=0)
        if not every:
            yield from self._grouped(scopes)
            return
        for cid in chosen:
            missed = scopes.unknown.get(cid, ())
            state = "" if scopes.granted is None else "unknown" if missed else "complete"
            title = scopes.needs.titles[cid]
            yield shorten(f"{cid:<{wide}}  {state:<8}  {title}", self.width)
            for requirement in scopes.required:
                if cid in requirement.controls:
                    yield from self._scope_of(requirement, wide + 2)

    def _scope_of(self, requirement: ScopeRequirement, indent: int) -> Iterator[str]:
        state = {True: "granted", False: "missing", None: "needed"}[requirement.granted]
        classic = requirement.scope(ScopeKind.CLASSIC)
        other = f" (classic: {classic})" if classic else ""
        text = f"{state} {requirement.scope(ScopeKind.GRANULAR)}{other}"
        yield from self._wrapped(text, indent, hanging=len(state) + 1)

    def _grouped(self, scopes: ScopeComparison) -> Iterator[str]:
        """The controls that miss the same scopes, grouped."""
        together: dict[tuple[str, ...], list[str]] = {}
        for cid, missed in scopes.unknown.items():
            names = tuple(
                requirement.scope(scopes.kind) or requirement.endpoint.request
                for requirement in missed
            )
            together.setdefault(tuple(dict.fromkeys(names)), []).append(cid)
        for names, ids in together.items():
            yield from self._wrapped(", ".join(ids), 0)
            for name in names:
                yield f"  {name}"

    def end(self, diagnosis: DoctorReport) -> Iterator[str]:
        """The overall result, with the number of checks by state."""
        code = diagnosis.exit_code
        style = CheckState.OK if code is ExitCode.OK else CheckState.FAILED
        counts = [
            f"{number} {state}"
            for state in (CheckState.FAILED, CheckState.WARNING, CheckState.SKIPPED)
            if (number := sum(1 for _ in diagnosis.having(state)))
        ]
        summary = f" ({', '.join(counts)})" if counts else ""
        for line in self._wrapped(f"{_VERDICT[diagnosis.subject.purpose][code]}{summary}", 0):
            yield self._paint(line, style)

    def _wrapped(self, text: str, indent: int, hanging: int = 0) -> list[str]:
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + hanging),
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]

    def _paint(self, text: str, style: str) -> str:
        code = _SGR.get(CheckState(style)) if style in set(CheckState) else "1"
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text


def _all_of(required: Iterable[ScopeRequirement], kind: ScopeKind) -> tuple[str, ...]:
    return tuple(sorted({row.scope(kind) for row in required if row.scope(kind)}))
