"""Cases `memory` and `locked`: large accounts without limit or latency."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from benchmarks import controls
from benchmarks.bench import Audited, Bench
from benchmarks.interface import Figure, at_most

UNLIMITED = ("--max-rate", "5000")
SMALL, LARGE = 1_000, 100_000
"""Users."""
SLOWEST = 50
"""Users a second below which an audit counts as hanging."""


def _bound(users: int) -> float:
    """Seconds for an audit of so many users."""
    return 120 + users / SLOWEST


class Memory:
    """The most memory an audit of a large account takes, also where everything is reported."""

    name: ClassVar[str] = "memory"
    groups: ClassVar[int] = 40
    """The same number in both accounts: what a group costs is a figure of its own."""
    many_groups: ClassVar[int] = 1_000

    def run(self, bench: Bench) -> Iterator[Figure]:
        """The peak with a JSON report, then with an HTML report as well; and what a group adds."""
        small, large = SMALL, bench.sized(LARGE, least=2 * SMALL)
        for formats, more in (("JSON", ()), ("JSON and HTML", ("html",))):
            many = self._audited(bench, large, more).spent.megabytes
            yield Figure(f"peak of memory, {formats}", many, "MB", at_most(250), f"{large:,} users")
        few = self._audited(bench, small, ()).spent.megabytes
        many = self._audited(bench, small, (), self.many_groups).spent.megabytes
        each = 1000 * (many - few) / (self.many_groups - self.groups)
        note = f"{many:.0f} MB with {self.many_groups:,} groups, {few:.0f} MB with {self.groups}"
        yield Figure("memory of a group", each, "KB", at_most(30), note)

    @staticmethod
    def _audited(
        bench: Bench, users: int, more: tuple[str, ...], groups: int | None = None
    ) -> Audited:
        wanted = Memory.groups if groups is None else groups
        with bench.workshop() as shop, shop.sandbox(users, groups=wanted) as where:
            extra = [
                argument
                for name in more
                for argument in ("--format", name, "--output", str(shop.folder / f"report.{name}"))
            ]
            return shop.audit(where, *UNLIMITED, *extra, within=_bound(users))


class Locked:
    """How few requests suffice where a value and its lock at the account prove the users'."""

    name: ClassVar[str] = "locked"
    sample: ClassVar[int] = 25
    """Users read all the same: the default of `--verify-locks`."""

    groups: ClassVar[int] = 10
    """Each is read in full: a group's own values show what its admin can change."""

    def run(self, bench: Bench) -> Iterator[Figure]:
        """Requests that are neither for the list of users nor for the sample."""
        users = bench.sized(LARGE)
        selected = controls.lockable()
        with (
            bench.workshop() as shop,
            shop.sandbox(users, scenario="clean", groups=self.groups) as where,
        ):
            run = shop.audit(
                where,
                *UNLIMITED,
                *controls.only(selected),
                within=_bound(users),
                verbosity="-vv",
            )
            asked = _asked(run.messages)
        listing, of_users = asked["/users"], asked["/users/{userId}/settings"]
        allowed = self.sample * len(controls.documents(selected).user)
        beyond = run.requests - listing - min(of_users, allowed)
        groups = sum(count for path, count in asked.items() if path.startswith("/groups/"))
        note = (
            f"{run.requests:,} in all: {listing:,} for the list of {users:,} users, {of_users:,} "
            f"for settings of users, {groups:,} for groups"
        )
        yield Figure("requests beyond list and sample", beyond, "", at_most(60), note)


def _asked(messages: Path) -> Counter[str]:
    """Answers by path template, as `-vv` tells them."""
    line = re.compile(r"GET (/\S+): HTTP \d")
    with messages.open(encoding="utf-8") as lines:
        return Counter(found[1] for each in lines if (found := line.match(each)))
