"""Case `fleet`: how many accounts one process reads at a time, and what more workers add."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from auditor.plain_text import pluralize
from auditor.store.runs import Runs
from benchmarks import controls
from benchmarks.bench import Bench, Spent
from benchmarks.interface import Figure, at_least, at_most
from benchmarks.pace import ALLOWED, LATENCY

USERS = 300
"""Users of each account."""
ACCOUNTS = (1, 2, 4)
"""Accounts at a time. More need more processor for the simulated accounts than for the auditor."""

WORKERS = (1, 2, 4)
"""Worker processes of a Dask cluster on this machine."""
THREADS = 3
"""Accounts that each of them reads at a time."""
QUEUED = 12
"""Accounts for a cluster to read, each at the limits of Pro."""
OF_THE_CLUSTER = 100
"""Users of each of them."""


@dataclass(frozen=True, slots=True)
class _Audited:
    """Accounts that were audited together."""

    spent: Spent
    requests: int
    """Of all accounts."""
    rate: float
    """Requests a second of the slowest account, from its first question to its last answer."""
    accounts: int


class FleetOfAccounts:
    """The rate of each account, and the processor time of a request, with several at a time."""

    name: ClassVar[str] = "fleet"

    def run(self, bench: Bench) -> Iterator[Figure]:
        """Two figures for each number of accounts, and two for each number of workers."""
        for count in ACCOUNTS:
            users = bench.sized(USERS)
            audited = self._audited(bench, count, users, "business", _at_once(count))
            note = f"{audited.requests:,} requests; the slowest: {audited.rate:.1f} a second"
            yield Figure(
                f"part of the allowed rate, {count} at a time",
                audited.rate / ALLOWED,
                "",
                at_least(0.9),
                note,
            )
            milliseconds = 1000 * audited.spent.cpu / audited.requests
            note = f"{audited.spent.cpu:.1f} s, start and judgement included; "
            note += f"{audited.spent.megabytes:.0f} MB"
            yield Figure(
                f"processor time a request, {count} at a time",
                milliseconds,
                "ms",
                at_most(10),
                note,
            )

        for workers in WORKERS:
            engine = ("--engine", "dask", "--workers", str(workers))
            at_once = workers * THREADS
            users = bench.sized(OF_THE_CLUSTER)
            audited = self._audited(bench, QUEUED, users, "pro", (*engine, *_at_once(at_once)))
            hourly = 3600 * QUEUED / audited.spent.seconds / workers
            note = f"{QUEUED} accounts of {users} users in {audited.spent.seconds:.0f} s; "
            note += f"the slowest: {audited.rate:.1f} requests a second"
            what = f"accounts an hour for each worker, {pluralize(workers, 'worker')}"
            yield Figure(what, hourly, "", at_least(400), note)
            what = f"processor time an account, {pluralize(workers, 'worker')}"
            note = f"{audited.requests:,} requests, start and judgement included"
            seconds = audited.spent.cpu / QUEUED
            yield Figure(what, seconds, "s", at_most(0.015 * audited.requests / QUEUED), note)

    def _audited(
        self, bench: Bench, count: int, users: int, plan: str, options: Sequence[str]
    ) -> _Audited:
        with bench.workshop() as shop, ExitStack() as stack:
            where: dict[str, str] = {}
            for number in range(count):
                variables = stack.enter_context(
                    shop.sandbox(users, plan=plan, latency=LATENCY, seed=number + 1)
                )
                where |= {f"A{number}_{name}": value for name, value in variables.items()}
            accounts = [
                {"name": f"a{number}", "credentials": {"environment": f"A{number}"}}
                for number in range(count)
            ]
            fleet = shop.folder / "fleet.yaml"
            fleet.write_text(json.dumps({"plan": plan, "accounts": accounts}))
            bench.say(f"auditor fleet audit {' '.join(options)}: {count} accounts of {users} users")
            spent = shop.fleet(
                [
                    *("--rate-share", "1", *options),
                    *controls.only(controls.settings_only()),
                ],
                where,
                within=300 + 10 * users * count * 4 / ALLOWED,
            )
            usage = []
            runs = Runs(shop.home)
            for entry in runs.history.runs():
                with runs.open(entry.facts.id) as snapshot:
                    usage.append(json.loads(snapshot.meta("api") or "{}"))
        requests = [int(each["requests"]) for each in usage]
        rates = [each["requests"] / each["seconds"] for each in usage]
        return _Audited(spent, sum(requests), min(rates), count)


def _at_once(accounts: int) -> tuple[str, str]:
    return "--at-once", str(accounts)
