"""Writes the snapshot of a large account, with the account and the groups of a small real one.

    python -m benchmarks.large_account MODEL LARGE USERS DOCUMENTS

MODEL is a snapshot that was read. LARGE is a copy of it with other users, so it is judged as MODEL
was. The USERS have the ids they would have in a larger sandbox, names and addresses of their own,
and one or two of the model's groups. Their settings are those of one user of the model with a few
switches flipped: DOCUMENTS variants, dealt out at random. Two switches in each, of which about
every fifth is judged, come to some deviations for every ten users, as in an account whose admin
took care but locked nothing.
"""

import copy
import random
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from auditor.evidence.read_plan import LISTINGS, PENDING
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import ScopeEvidence, Snapshot
from auditor.evidence.view import SETTINGS, Document, View
from auditor.sandbox.identity import opaque_id

SEED = 1
"""Of the sandbox that served the model."""
FLIPPED = 2
"""Switches that differ from the model in each variant of the default settings."""
OTHER_VIEWS_FLIPPED = 10
"""Of so many variants, one has a switch flipped in each other view as well."""
INACTIVE = 40
"""Of so many users, one is inactive."""
TWO_GROUPS = 5
"""Of so many users, one belongs to two groups."""
BETWEEN_READS = timedelta(milliseconds=17)
"""At 60 requests a second."""
BATCH = 10_000
"""Users written in one transaction."""

_FIRST = (
    "Ada", "Bilal", "Chiara", "Dmitri", "Esther", "Farid", "Greta", "Hana", "Idris", "Joana",
    "Kofi", "Lena", "Mateo", "Nadia", "Otto", "Priya", "Quentin", "Rosa", "Sven", "Tala", "Umar",
    "Vera", "Wanda", "Yusuf", "Zoe",
)  # fmt: skip
_SYLLABLES = (
    "ba", "chen", "dar", "el", "fon", "gra", "hul", "is", "jan", "ko", "len", "mar", "nov", "os",
    "pel", "quin", "ros", "sta", "tor", "um", "ver", "wil", "yan", "zak",
)  # fmt: skip

Variant = Mapping[View, JsonValue]
"""The documents of one kind of user."""


def main() -> None:
    """Write LARGE."""
    model, large = map(Path, sys.argv[1:3])
    users, documents = map(int, sys.argv[3:5])
    shutil.copy(model, large)
    snapshot = Snapshot.open(large, write=True)
    like = _typical(snapshot)
    groups = [group.id for group in snapshot.scopes(Level.GROUP)]
    for user in list(snapshot.scopes(Level.USER)):
        snapshot.drop(user)
    _tell_listed(snapshot, users)
    variants = list(islice(_variants(like), documents))
    sources = {view: outcome.source for view, outcome in like.outcomes.items()}
    last_read = datetime.fromisoformat(snapshot.account().outcomes[SETTINGS].observed_at)
    moment = last_read - users * len(sources) * BETWEEN_READS
    everybody = _people(users, groups)
    chance = _repeatable()
    while batch := list(islice(everybody, BATCH)):
        with snapshot.transaction():
            for person in batch:
                snapshot.add_scope(person)
                for view, body in chance.choice(variants).items():
                    moment += BETWEEN_READS
                    at = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
                    snapshot.record(person, view, Document(body, sources[view], at))
    snapshot.finish()
    snapshot.close()


def _repeatable() -> random.Random:
    """The same numbers in every run."""
    return random.Random(SEED)  # noqa: S311 - nothing here is secret


def _typical(snapshot: Snapshot) -> ScopeEvidence:
    """An active user of the model with a licence, every view of whom was read."""
    for evidence in snapshot.evidence(Level.USER):
        scope, outcomes = evidence.scope, dict(evidence.outcomes)
        read = all(isinstance(outcome, Document) for outcome in outcomes.values())
        if scope.status == "active" and scope.licence == 2 and SETTINGS in outcomes and read:
            return ScopeEvidence(scope, outcomes, {})
    raise SystemExit("The model has no active user whose settings were read.")


def _tell_listed(snapshot: Snapshot, users: int) -> None:
    """Let the account's listings say how many users there are now."""
    account = snapshot.account()
    inactive = users // INACTIVE
    listed = {"active": users - inactive, "inactive": inactive, "pending": 0}
    for view in (*LISTINGS[Level.USER], PENDING):
        outcome = account.outcomes[view]
        assert isinstance(outcome, Document)
        assert isinstance(outcome.body, dict)
        body: JsonValue = {**outcome.body, "listed": listed[view.option]}
        snapshot.record(account.scope, view, Document(body, outcome.source, outcome.observed_at))


def _variants(like: ScopeEvidence) -> Iterator[Variant]:
    """Users with the documents of `like` but for a few switches; no two have the same settings."""
    bodies = {
        view: outcome.body
        for view, outcome in like.outcomes.items()
        if isinstance(outcome, Document)
    }
    switches = {view: sorted(_switches(body)) for view, body in bodies.items()}
    chance = _repeatable()
    seen: set[tuple[tuple[str, ...], ...]] = set()
    while True:
        chosen = tuple(sorted(chance.sample(switches[SETTINGS], FLIPPED)))
        if chosen in seen:
            continue
        others = len(seen) % OTHER_VIEWS_FLIPPED == 0
        seen.add(chosen)
        yield {
            view: _flipped(
                body,
                chosen
                if view == SETTINGS
                else chance.sample(switches[view], 1)
                if others and switches[view]
                else (),
            )
            for view, body in bodies.items()
        }


def _switches(body: JsonValue, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where the booleans stand in nested objects."""
    if isinstance(body, bool):
        yield path
    elif isinstance(body, dict):
        for key, value in body.items():
            yield from _switches(value, (*path, key))


def _flipped(body: JsonValue, paths: Sequence[tuple[str, ...]]) -> JsonValue:
    """A copy with the booleans at `paths` the other way round."""
    changed = copy.deepcopy(body)
    for *parents, last in paths:
        place = changed
        for key in parents:
            assert isinstance(place, dict)
            place = place[key]
        assert isinstance(place, dict)
        place[last] = not place[last]
    return changed


def _people(users: int, groups: list[str]) -> Iterator[Scope]:
    """The users: ids as Zoom's, names and addresses as people's."""
    chance = _repeatable()
    for index in range(users):
        first = chance.choice(_FIRST)
        last = "".join(chance.choices(_SYLLABLES, k=chance.randint(2, 3))).capitalize()
        yield Scope(
            Level.USER,
            opaque_id(SEED, "user", index),
            f"{first} {last}",
            f"{first}.{last}{chance.randint(1, 99_999)}@example.com".lower(),
            tuple(chance.sample(groups, 1 if index % TWO_GROUPS else 2)),
            licence=2,
            status="active" if index % INACTIVE else "inactive",
        )


if __name__ == "__main__":
    main()
