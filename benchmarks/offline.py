"""Case `offline`: a stored snapshot of a million users, judged again without a network."""

import sys
from collections.abc import Iterator
from typing import ClassVar

from benchmarks.bench import Bench
from benchmarks.interface import Figure, at_most

MODEL_USERS = 2_000
"""Users of the account that is really read, so that it has 40 groups."""


class Offline:
    """What judging costs by itself, and how small the evidence is."""

    name: ClassVar[str] = "offline"
    users: ClassVar[int] = 1_000_000
    documents: ClassVar[int] = 2_000
    """Distinct default settings documents of users."""

    def run(self, bench: Bench) -> Iterator[Figure]:
        """Seconds, memory and bytes a user, of one snapshot with all controls of `strict`."""
        users = bench.sized(self.users, least=10 * self.documents)
        with bench.workshop() as shop:
            with shop.sandbox(MODEL_USERS, scenario="unlocked") as where:
                shop.audit(where, "--baseline", "strict", "--max-rate", "5000", within=300)
            model = shop.evidence()
            large = shop.folder / "large.sqlite"
            bench.say(f"writing a snapshot of {users:,} users")
            shop.finished(
                [
                    *(sys.executable, "-m", "benchmarks.large_account"),
                    *(str(model), str(large), str(users), str(self.documents)),
                ],
                {},
                within=300 + users / 500,
            )
            size = sum(path.stat().st_size for path in shop.folder.glob("large.sqlite*"))
            spent = shop.auditor(["--from", str(large)], {}, within=90 + users / 1_000)
            with (shop.folder / "process.out").open(encoding="utf-8") as text:
                outcome = next((line.strip() for line in text if " deviations" in line), "")
        yield Figure("judging a stored snapshot", spent.seconds, "s", at_most(90), outcome)
        yield Figure("memory of it", spent.megabytes, "MB", at_most(400), f"{users:,} users")
        note = f"{size / 1e6:,.1f} MB"
        yield Figure("size of the snapshot", size / users, "bytes/user", at_most(120), note)
