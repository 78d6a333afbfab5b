"""Series: runs of one account with the same baseline, depth and selection, comparable over time."""

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
"""Tolerated clock difference between machines."""

THIS_MACHINE = "this machine"
"""The place of every local API: its port may change between runs."""


@dataclass(frozen=True, slots=True)
class Series:
    """The properties that comparable runs share."""

    account_id: str
    place: str
    baseline_id: str
    depth: str
    selection: str

    @classmethod
    def of(cls, run: Run, selected: frozenset[str] | None) -> "Series":
        """The series of a run that assessed the `selected` controls; None for all."""
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
        """The series of an account for a baseline, a depth and a selection of controls."""
        controls = "" if selected is None else "\n".join(sorted(selected))
        digest = hashlib.sha256(controls.encode()).hexdigest()[:16] if controls else ""
        account = account_id.encode("utf-8", "replace").decode("utf-8")
        return cls(account, place(api_url), baseline_id, depth, digest)

    @property
    def row(self) -> dict[str, Any]:
        """The columns of the series."""
        return {
            "account_id": self.account_id,
            "place": self.place,
            "baseline_id": self.baseline_id,
            "depth": self.depth,
            "selection": self.selection,
        }

    def has(self, account_id: str, at: str) -> bool:
        """True if runs of this account at this place belong to the series."""
        return (self.account_id, self.place) == (account_id, at)

    def id(self, connection: Connection) -> int | None:
        """The id of the series in the history; None if it is not stored."""
        conditions = [tables.series.c[name] == value for name, value in self.row.items()]
        number = connection.execute(sa.select(tables.series.c.id).where(*conditions)).scalar()
        return None if number is None else int(number)

    def get_or_create(self, connection: Connection) -> int:
        """The id of the series in the history. It is created if it does not exist."""
        number = self.id(connection)
        if number is None:
            connection.execute(sa.insert(tables.series), self.row)
            number = self.id(connection)
        assert number is not None
        return number


@dataclass(frozen=True, slots=True)
class RunFilter:
    """The runs that a command applies to: those of an account at a place."""

    account_id: str | None = None
    """None for every account."""
    place: str | None = None
    """None for every place."""

    def admits(self, account_id: str, at: str) -> bool:
        """True if runs of this account at this place match."""
        return self.account_id in (None, account_id) and self.place in (None, at)

    def columns(self) -> list[sa.ColumnElement[bool]]:
        """The conditions on the `series` table."""
        columns = {"account_id": self.account_id, "place": self.place}
        return [tables.series.c[name] == value for name, value in columns.items() if value]


EVERY_RUN = RunFilter()


def place(api_url: str) -> str:
    """The API that an account belongs to: account ids are unique only there."""
    return THIS_MACHINE if is_loopback(api_url) else api_url.rstrip("/")
