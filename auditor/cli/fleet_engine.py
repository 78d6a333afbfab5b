"""Where the accounts of a fleet are audited: in this process, or by a Dask cluster."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.config import ConfigError

if TYPE_CHECKING:
    from auditor.app.announcer import Announcer
    from auditor.app.fleet_audit import AccountResult, JobOptions
    from auditor.app.fleet_members import FleetMembers
    from auditor.cli.fleet_reports import AccountReports

AT_ONCE = 8
"""Accounts that are read at a time by default."""


class Engine(StrEnum):
    """The values of `--engine`."""

    LOCAL = "local"
    DASK = "dask"


EngineOption = Annotated[
    Engine,
    typer.Option("--engine", help="Audit in this process, or on a Dask cluster."),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="The scheduler of the cluster, such as tls://scheduler:8786. [default: a cluster of "
        "this machine's own]",
        show_default=False,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        help="Processes of a cluster of this machine's own. [default: one a processor]",
        show_default=False,
    ),
]
AtOnceOption = Annotated[
    int,
    typer.Option(
        "--at-once",
        metavar="N",
        min=1,
        help="Accounts that are read at a time; with --scheduler, the threads of the workers.",
    ),
]


@dataclass(frozen=True)
class EngineChoice:
    """The engine of the command line."""

    engine: Engine
    scheduler: str | None
    workers: int | None
    at_once: int

    def audit(
        self,
        members: "FleetMembers",
        options: "JobOptions",
        account_reports: "AccountReports",
        announcer: "Callable[[str], Announcer] | None" = None,
    ) -> "list[AccountResult]":
        """Audit the accounts; `announcer` makes what takes the news of each.

        Raises:
            AuditorError: no account was audited, because the cluster cannot be used.
        """
        from auditor.app.announcer import Announcer
        from auditor.app.fleet_audit import FleetAudit
        from auditor.app.fleet_cluster import ClusterAudit, ClusterOptions
        from auditor.app.fleet_rollup import attempts_of
        from auditor.cli.fleet_display import FleetTerminal

        terminal = account_reports.terminal
        local = FleetAudit(
            list(members),
            options,
            attempts_of(members),
            FleetTerminal(terminal),
            account_reports.writer,
            announcer or (lambda _: Announcer()),
            self.at_once,
        )
        if self.engine is Engine.LOCAL:
            if self.scheduler is not None or self.workers is not None:
                raise ConfigError("--scheduler and --workers are for --engine dask. Add that.")
            account_reports.prepare()
            return local.run()
        cluster = ClusterOptions(self.scheduler, self.workers)
        cluster.check(members.base)
        account_reports.prepare()
        if cluster.warning:
            terminal.say(f"Warning: {cluster.warning}")
        is_followed_up = account_reports.folder is not None or announcer is not None
        return ClusterAudit(local, members.base, cluster, is_followed_up).run()
