"""Case `incremental`: what a night costs that stands on the one before."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import ClassVar

import requests

from auditor.app.received_events import KeptEvents
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import SETTINGS, Document
from auditor.sandbox.identity import opaque_id
from auditor.store.runs import Runs
from auditor.watch.events import parse
from benchmarks.bench import Audited, Bench, BenchmarkError, Workshop
from benchmarks.interface import Figure, at_least, at_most
from benchmarks.size import SLOWEST, UNLIMITED

USERS, GROUPS, SAMPLE = 100_000, 40, 200
SEED = 1
CHANGED = 200
"""Of so many people, one changes a setting in a night."""
SWITCH = "in_meeting.meeting_summary_with_ai_companion.enable"
REFRESH = "7h"
"""Nights of the bench follow each other at once, and count as an hour: seven of them are a week."""


class Incremental:
    """Requests of a night in which 0.5 % of the people changed, and what it finds."""

    name: ClassVar[str] = "incremental"

    def run(self, bench: Bench) -> Iterator[Figure]:
        """A full night, one that stands on it, and nights after changes of a group and above."""
        users, groups = bench.sized(USERS), bench.sized(GROUPS, least=3)
        sample = bench.sized(SAMPLE, least=2)
        with bench.workshop() as shop, shop.sandbox(users, groups=groups, seed=SEED) as where:
            night = _Nights(shop, where, users, sample)
            full = night.audit()
            people = [opaque_id(SEED, "user", index) for index in range(0, users, CHANGED)]
            before = night.values(Level.USER)
            changes = {user: not before[user] for user in people if user in before}
            for user, value in changes.items():
                night.change(level="user", id=user, value=value)
            night.name(changes)
            second = night.audit()
            note = (
                f"{second.requests:,} instead of {full.requests:,}; {users:,} people, of whom "
                f"{len(changes):,} changed, {groups} groups, a sample of {sample}"
            )
            share = second.requests / full.requests
            yield Figure("requests of a night, of a full one", share, "", at_most(1 / 6), note)
            after = night.values(Level.USER)
            found = sum(after[user] == value for user, value in changes.items()) / len(changes)
            yield Figure("changes of people found that events named", found, "", at_least(1))

            group = opaque_id(SEED, "group", 0)
            value = not night.values(Level.GROUP)[group]
            night.change(level="group", id=group, value=value)
            third = night.audit()
            found = night.share(value, group)
            note = f"{third.requests:,} requests"
            yield Figure("people below a changed group who show it", found, "", at_least(1), note)
            night.change(level="account", value=not value)
            fourth = night.audit()
            note = f"{fourth.requests:,} requests"
            found = night.share(not value)
            yield Figure("people below a changed account who show it", found, "", at_least(1), note)


class _Nights:
    """Nights over one account that changes in between."""

    def __init__(self, shop: Workshop, where: Mapping[str, str], users: int, sample: int) -> None:
        self._shop, self._where = shop, where
        self._within = 600 + 3 * users / SLOWEST
        self._sample = str(sample)
        self._stored = Runs(shop.home)

    def audit(self) -> Audited:
        """A night."""
        words = (*UNLIMITED, "--refresh", REFRESH, "--verify-carried", self._sample)
        return self._shop.audit(self._where, *words, within=self._within)

    def change(self, **fields: object) -> None:
        """Change the setting at one place.

        Raises:
            BenchmarkError: the sandbox refuses it.
        """
        base = self._where["ZOOM_OAUTH_URL"].removesuffix("/oauth/token")
        body = {"setting": SWITCH, "operator": "dana@example.com", **fields}
        answer = requests.post(f"{base}/sandbox/changes", json=body, timeout=30)
        if answer.status_code != 200:
            raise BenchmarkError(f"The sandbox refused a change. {answer.text[:200]}")

    def name(self, users: Sequence[str] | Mapping[str, bool]) -> None:
        """Keep an event about each of these users, as `auditor watch` does."""
        now = datetime.now(UTC)
        events = []
        for user in users:
            payload = {"account_id": self._where["ZOOM_ACCOUNT_ID"], "object": {"id": user}}
            body = {"event": "user.settings_updated", "payload": payload}
            events.append(parse(body, json.dumps(body).encode(), now))
        KeptEvents(self._stored).add(events)

    def values(self, level: Level) -> dict[str, bool]:
        """By id, the value of the setting that the newest run shows at a level."""
        with closing(self._stored.open("latest")) as snapshot:
            return {scope.id: value for scope, value in _values(snapshot, level)}

    def share(self, value: bool, group: str = "") -> float:
        """The share of the people of a group, or of all, whom the newest run shows with a value."""
        with closing(self._stored.open("latest")) as snapshot:
            shown = [
                seen == value
                for scope, seen in _values(snapshot, Level.USER)
                if not group or group in scope.group_ids
            ]
        return sum(shown) / len(shown)


def _values(snapshot: Snapshot, level: Level) -> Iterator[tuple[Scope, bool]]:
    for evidence in snapshot.evidence(level):
        outcome = evidence.outcomes.get(SETTINGS)
        place = outcome.body if isinstance(outcome, Document) else None
        for key in SWITCH.split("."):
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, bool):
            yield evidence.scope, place
