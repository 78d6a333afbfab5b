"""Cases `rate` and `sequential`: Zoom's limit used to the full, and by a plain script."""

import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import ClassVar

from benchmarks import controls
from benchmarks.bench import Audited, Bench
from benchmarks.interface import Figure, at_least, at_most

ALLOWED = 60
"""Medium requests a second, Business plan. Source: Zoom's rate-limit page, 2026-11."""
LATENCY = 150
"""Milliseconds before each answer."""
USERS = 1_800
SEQUENTIAL_REQUESTS = 300
"""Enough for a plain script, whose pace is the same from the first request to the last."""
SCRIPT = Path(__file__).with_name("sequential.py")


@cache
def _at_the_limit(bench: Bench) -> Audited:
    """One audit at the Business limit, of controls that need nothing but Medium requests."""
    users = bench.sized(USERS)
    with (
        bench.workshop() as shop,
        shop.sandbox(users, plan="business", latency=LATENCY) as where,
    ):
        return shop.audit(
            where,
            *("--plan", "business", "--rate-share", "1"),
            *controls.only(controls.settings_only()),
            within=120 + 10 * users * 4 / ALLOWED,
        )


def _per_second(audited: Audited) -> float:
    return audited.requests / audited.collecting


class Rate:
    """How much of the allowed rate an audit uses, how often it is refused, and what it costs."""

    name: ClassVar[str] = "rate"

    def run(self, bench: Bench) -> Iterator[Figure]:
        """Three figures of one run."""
        run = _at_the_limit(bench)
        rate = _per_second(run)
        note = f"{rate:.1f} of {ALLOWED} requests/s; {run.requests:,} in {run.collecting:,.1f} s"
        yield Figure("part of the allowed rate", rate / ALLOWED, "", at_least(0.95), note)
        refused = 100 * run.rate_limited / run.requests
        note = f"{run.rate_limited:,} of {run.requests:,} answers"
        yield Figure("answers 429", refused, "%", at_most(0.5), note)
        milliseconds = 1000 * run.spent.cpu / run.requests
        note = f"{run.spent.cpu:.1f} s of processor time, start and report included"
        yield Figure("processor time a request", milliseconds, "ms", at_most(10), note)


class Sequential:
    """How many times faster an audit is than one request after another."""

    name: ClassVar[str] = "sequential"

    def run(self, bench: Bench) -> Iterator[Figure]:
        """One figure, of two runs against the same account."""
        wanted = controls.documents(controls.settings_only())
        most = bench.sized(SEQUENTIAL_REQUESTS)
        arguments = [
            f"--{level}={view}"
            for level in ("account", "group", "user")
            for view in getattr(wanted, level)
        ]
        command = [sys.executable, str(SCRIPT), *arguments, "--most", str(most)]
        users = bench.sized(USERS)
        with (
            bench.workshop() as shop,
            shop.sandbox(users, plan="business", latency=LATENCY) as where,
        ):
            bench.say(f"a plain script, {most} requests")
            shop.finished(command, where, within=60 + 5 * most * LATENCY / 1000)
            told = json.loads((shop.folder / "process.out").read_text(encoding="utf-8"))
        plain = told["requests"] / told["seconds"]
        concurrent = _per_second(_at_the_limit(bench))
        note = f"{concurrent:.1f} against {plain:.1f} requests/s"
        yield Figure("faster than a plain script", concurrent / plain, "×", at_least(8), note)
