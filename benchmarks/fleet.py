"""Case `fleet`: how many accounts one process reads at a time, each at its own limit."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar

from auditor.store.runs import Runs
from benchmarks import controls
from benchmarks.bench import Bench, Spent
from benchmarks.interface import Figure, at_least, at_most
from benchmarks.pace import ALLOWED, LATENCY

USERS = 300
"""Users of each account."""
ACCOUNTS = (1, 2, 4)
"""Accounts at a time. More need more processor for the simulated accounts than for the auditor."""


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
        """Two figures for each number of accounts."""
        for count in ACCOUNTS:
            audited = self._audited(bench, count)
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

    def _audited(self, bench: Bench, count: int) -> _Audited:
        users = bench.sized(USERS)
        with bench.workshop() as shop, ExitStack() as stack:
            where: dict[str, str] = {}
            for number in range(count):
                variables = stack.enter_context(
                    shop.sandbox(users, plan="business", latency=LATENCY, seed=number + 1)
                )
                where |= {f"A{number}_{name}": value for name, value in variables.items()}
            accounts = [
                {"name": f"a{number}", "credentials": {"environment": f"A{number}"}}
                for number in range(count)
            ]
            fleet = shop.folder / "fleet.yaml"
            fleet.write_text(json.dumps({"plan": "business", "accounts": accounts}))
            bench.say(f"auditor fleet audit, {count} accounts of {users} users")
            spent = shop.fleet(
                [
                    *("--rate-share", "1", "--at-once", str(count)),
                    *controls.only(controls.settings_only()),
                ],
                where,
                within=300 + 10 * users * 4 / ALLOWED,
            )
            usage = []
            runs = Runs(shop.home)
            for entry in runs.history.runs():
                with runs.open(entry.facts.id) as snapshot:
                    usage.append(json.loads(snapshot.meta("api") or "{}"))
        requests = [int(each["requests"]) for each in usage]
        rates = [each["requests"] / each["seconds"] for each in usage]
        return _Audited(spent, sum(requests), min(rates), count)
