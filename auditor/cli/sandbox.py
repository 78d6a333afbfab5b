"""`auditor sandbox`: serve the simulated account; and starting one for `audit --sandbox`."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.terminal import Terminal
from auditor.config import ConfigError

if TYPE_CHECKING:
    from auditor.sandbox import Sandbox


class Scenario(StrEnum):
    """The accounts that can be simulated."""

    CLEAN = "clean"
    DRIFTED = "drifted"
    UNLOCKED = "unlocked"
    DENIED = "denied"
    PARTIAL = "partial"


class SandboxPlan(StrEnum):
    """Whose rate limits the simulated account has."""

    NONE = "none"
    FREE = "free"
    PRO = "pro"
    BUSINESS = "business"


@contextmanager
def started(scenario: Scenario, users: int) -> "Iterator[Sandbox]":
    """A served sandbox without rate limits, for as long as the block runs.

    Raises:
        ConfigError: the extra `sandbox` is not installed.
    """
    try:
        from auditor.sandbox import Conduct, World, serve
    except ImportError as error:
        raise ConfigError(str(error)) from error
    conduct = Conduct(plan="none", count_scopes=False)
    with serve(World(users=users, scenario=scenario.value), conduct=conduct) as sandbox:
        yield sandbox


def sandbox(
    ctx: typer.Context,
    scenario: Annotated[
        Scenario, typer.Option("--scenario", help="Which account to simulate.")
    ] = Scenario.DRIFTED,
    users: Annotated[int, typer.Option("--users", min=1, help="How many users it has.")] = 300,
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds give equal accounts.")] = 1,
    host: Annotated[str, typer.Option("--host", help="A loopback address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 0,
    plan: Annotated[
        SandboxPlan, typer.Option("--plan", help="Whose rate limits hold.")
    ] = SandboxPlan.BUSINESS,
    latency: Annotated[
        float, typer.Option("--latency", min=0, help="Milliseconds before each answer.")
    ] = 0,
) -> None:
    """Serve a simulated Zoom account on this machine until interrupted with Ctrl-C.

    Prints the environment variables that point the auditor, or any other client, at it.

    Example:

    **auditor sandbox --scenario drifted --users 1000 > sandbox.env**
    """
    try:
        from auditor.sandbox import Conduct, Sandbox, World, run
    except ImportError as error:
        raise ConfigError(str(error)) from error
    terminal: Terminal = ctx.obj

    def on_ready(served: Sandbox) -> None:
        typer.echo(
            f"ZOOM_API_URL={served.api_url}\n"
            f"ZOOM_OAUTH_URL={served.oauth_url}\n"
            f"ZOOM_ACCOUNT_ID={served.account_id}\n"
            f"ZOOM_CLIENT_ID={served.client_id}\n"
            f"ZOOM_CLIENT_SECRET={served.client_secret}"
        )
        terminal.say(f"Serving {users:,} users ({scenario}). Stop with Ctrl-C.")

    world = World(users=users, seed=seed, scenario=scenario.value)
    conduct = Conduct(plan=plan.value, latency_ms=latency)
    try:
        run(world, host, port, conduct, on_ready)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"Port {port} on {host} cannot be used: {reason}.") from error
