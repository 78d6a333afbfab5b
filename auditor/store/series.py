"""Series: runs of one account that were judged alike, and can be told as one story."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from auditor.findings.run import Run
from auditor.store import tables
from auditor.zoom.hosts import is_loopback

SKEW = timedelta(minutes=5)
"""How far ahead of this machine's clock another one may be."""

THIS_MACHINE = "this machine"
"""The place of every local API: it may come back on another port."""


@dataclass(frozen=True, slots=True)
class Series:
    """What runs have to share to belong together."""

    account_id: str
    place: str
    baseline_id: str
    depth: str
    selection: str

    @classmethod
    def of(cls, run: Run, selected: frozenset[str] | None) -> "Series":
        """The series of a run that was to assess the selected controls; None for all."""
        info = run.info
        return cls.for_selection(
            info.account_id, info.api_url, info.baseline.id, info.depth, selected
        )

    @classmethod
    def for_selection(
        cls,
        account_id: str,
        api_url: str,
        baseline_id: str,
        depth: str,
        selected: frozenset[str] | None,
    ) -> "Series":
        """The series of an account, with what its runs are to be judged with."""
        controls = "" if selected is None else "\n".join(sorted(selected))
        digest = hashlib.sha256(controls.encode()).hexdigest()[:16] if controls else ""
        account = account_id.encode("utf-8", "replace").decode("utf-8")
        return cls(account, place(api_url), baseline_id, depth, digest)

    @property
    def row(self) -> dict[str, Any]:
        """Its columns."""
        return {
            "account_id": self.account_id,
            "place": self.place,
            "baseline_id": self.baseline_id,
            "depth": self.depth,
            "selection": self.selection,
        }

    def has(self, account_id: str, at: str) -> bool:
        """True if runs of this account at this place belong to it."""
        return (self.account_id, self.place) == (account_id, at)

    def id(self, connection: Connection) -> int | None:
        """Its number in the history; None where nothing of it is stored."""
        conditions = [tables.series.c[name] == value for name, value in self.row.items()]
        number = connection.execute(sa.select(tables.series.c.id).where(*conditions)).scalar()
        return None if number is None else int(number)

    def get_or_create(self, connection: Connection) -> int:
        """Its number in the history, where it is made if it is not there."""
        number = self.id(connection)
        if number is None:
            connection.execute(sa.insert(tables.series), self.row)
            number = self.id(connection)
        assert number is not None
        return number


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Whose runs a command is about: those of an account at a place."""

    account_id: str | None = None
    """None for every account."""
    place: str | None = None
    """None for every place."""

    def admits(self, account_id: str, at: str) -> bool:
        """True if runs of this account at this place are among them."""
        return self.account_id in (None, account_id) and self.place in (None, at)

    def columns(self) -> list[sa.ColumnElement[bool]]:
        """The conditions on the table of series."""
        columns = {"account_id": self.account_id, "place": self.place}
        return [tables.series.c[name] == value for name, value in columns.items() if value]


EVERY_RUN = RunFilter()


def place(api_url: str) -> str:
    """Where an account lives: an account id means something only there."""
    return THIS_MACHINE if is_loopback(api_url) else api_url.rstrip("/")
