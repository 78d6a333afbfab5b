"""A process that stores nights: `python -m tests.store.adding HOME URL NIGHTS [PAUSE]`.

PAUSE is the name of a step. The process stops before that step of storing its last night, prints
`inside`, and waits to be killed.
"""

import sys
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from auditor.findings.model import Status
from auditor.store import recording, snapshot_archive
from auditor.store.runs import Runs
from tests.store.nights import Nights

STEPS = {
    "record": (recording, "record"),
    "close periods": (recording, "_close_periods"),
    "open periods": (recording, "_open_periods"),
    "pack": (snapshot_archive, "pack"),
    "commit": None,
}
LAST = "20261231T220000-000Z-aaaaaa"
"""The id of the night that is not stored."""


def wait(*_: Any) -> None:
    print("inside", flush=True)
    time.sleep(60)


def main(home: str, url: str, count: str, pause: str = "") -> None:
    nights = Nights(Runs(Path(home), url or None))
    for _ in range(int(count)):
        nights.night({"u1": Status.FAIL})
    if pause:
        step = STEPS[pause]
        if step is not None:
            setattr(*step, wait)
        else:
            sa.event.listen(nights.history.database._writable_engine(), "commit", wait)
        nights.night({"u2": Status.FAIL}, run_id=LAST)


if __name__ == "__main__":
    main(*sys.argv[1:])
