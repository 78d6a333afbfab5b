"""`auditor sandbox`: serve a simulated account; and the server for `audit --sandbox`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Final,
    Literal,
    get_args,
    get_origin,
    get_type_hints,
)

import typer

from auditor.cli.terminal import Terminal
from auditor.config import ConfigError
from auditor.errors import nearest

if TYPE_CHECKING:
    from auditor.app.connection import AccountSource
    from auditor.config.settings import Settings
    from auditor.sandbox import Faults, Sandbox

MAX_COUNTED_USERS: Final = 5_000
"""Up to this many users, the sandbox counts the requests for each; beyond, its memory would
grow."""


class ScenarioName(StrEnum):
    """The simulated accounts."""

    CLEAN = "clean"
    DRIFTED = "drifted"
    UNLOCKED = "unlocked"
    DENIED = "denied"
    PARTIAL = "partial"


ScenarioOption = Annotated[
    ScenarioName, typer.Option("--scenario", help="With --sandbox: the account to simulate.")
]


class SandboxPlan(StrEnum):
    """The plan whose rate limits the simulated account has."""

    NONE = "none"
    FREE = "free"
    PRO = "pro"
    BUSINESS = "business"


@contextmanager
def serve_sandbox(scenario: ScenarioName, users: int) -> "Iterator[Sandbox]":
    """A served sandbox without rate limits, for the duration of the block.

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


def account_source(
    settings: "Settings", scenario: ScenarioName | None, users: int = 300
) -> "AccountSource":
    """The configured account, or a simulated one in a scenario."""
    from auditor.app.connection import AccountSource

    return AccountSource(settings, partial(serve_sandbox, scenario, users) if scenario else None)


def sandbox(
    ctx: typer.Context,
    scenario: Annotated[
        ScenarioName, typer.Option("--scenario", help="The account to simulate.")
    ] = ScenarioName.DRIFTED,
    users: Annotated[int, typer.Option("--users", min=1, help="The number of users.")] = 300,
    groups: Annotated[
        int | None,
        typer.Option(
            "--groups",
            min=0,
            help="The number of groups. [default: one per 50 users]",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same account.")] = 1,
    sub_accounts: Annotated[
        int,
        typer.Option(
            "--sub-accounts", min=0, help="The accounts below this one, a primary account then."
        ),
    ] = 0,
    host: Annotated[
        str, typer.Option("--host", help="The loopback address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port; 0: any free one.")
    ] = 0,
    plan: Annotated[
        SandboxPlan, typer.Option("--plan", help="The plan whose rate limits apply.")
    ] = SandboxPlan.BUSINESS,
    latency: Annotated[
        float,
        typer.Option("--latency", min=0, help="The delay before each response, in milliseconds."),
    ] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="NAME=VALUE",
            help="A fault to simulate, such as errors_5xx=0.05; may be repeated.",
        ),
    ] = None,
) -> None:
    """Serve a simulated Zoom account on this machine until interrupted with Ctrl-C.

    Prints the environment variables that make the auditor, or another client, use it.

    While it runs, POST /sandbox/changes sets a setting and adds an entry to the operation log:
    a JSON object with level (account, group or user), id, setting, value or locked, and operator.

    Faults that hit a share of the requests (0 to 1): errors_5xx, rate_429, rate_429_bare,
    html_200, html_403, html_429, truncated_json, invalid_json, empty_200, xml_200, reset, slow.

    Other numbers: seed, slow_seconds, token_life, daily_limit, limit_below, clock_skew,
    deleted_users, departing_users, departing_groups, and every how many-th write is ignored_writes,
    contested_writes or lost_writes. True or false: duplicate_users, group_ids_absent,
    expire_page_token,
    page_token_loops, page_token_repeats, nested_auth_view. A word: retry_after (seconds,
    http_date or iso).

    Example:

    **auditor sandbox --scenario drifted --users 1000 > sandbox.env**

    **auditor sandbox --fault errors_5xx=0.05 --fault duplicate_users=true**
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
            f"ZOOM_CLIENT_SECRET={served.client_secret}\n"
            f"ZOOM_WRITE_CLIENT_ID={served.writing_client_id}\n"
            f"ZOOM_WRITE_CLIENT_SECRET={served.writing_client_secret}"
        )
        terminal.say(f"Serving {users:,} users ({scenario}). Stop with Ctrl-C.")

    world = World(users=users, groups=groups, seed=seed, scenario=scenario.value)
    conduct = Conduct(
        plan=plan.value,
        latency_ms=latency,
        faults=faults_of(fault or ()),
        sub_accounts=tuple(
            World(users=users, groups=groups, seed=seed + number, scenario=scenario.value)
            for number in range(1, sub_accounts + 1)
        ),
        count_scopes=users <= MAX_COUNTED_USERS,
    )
    try:
        run(world, host, port, conduct, on_ready)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"Port {port} on {host} cannot be used: {reason}.") from error


def faults_of(texts: Iterable[str]) -> "Faults":
    """The faults of `--fault`, each `NAME=VALUE`; the last one of a name counts.

    Raises:
        ConfigError: there is no such fault, or a value has the wrong type or range.
    """
    from auditor.sandbox import Faults

    kinds = get_type_hints(Faults)
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if name not in kinds:
            known = ", ".join(sorted(kinds))
            raise ConfigError(
                f'There is no fault "{name}".{nearest(name, kinds)} There are {known}.'
            )
        expected, example = _expected_value(kinds[name])
        if not equals:
            raise ConfigError(f"--fault {name} needs a value: {name}={example}.")
        try:
            values[name] = _value(kinds[name], value)
        except ValueError as error:
            raise ConfigError(
                f'--fault {name} takes {expected}, such as {name}={example}; got "{value}".'
            ) from error
    try:
        return Faults(**values)
    except ValueError as error:
        raise ConfigError(f"--fault: {error}") from error


def _expected_value(kind: Any) -> tuple[str, str]:
    """A description of the values of a type, and an example."""
    if kind is bool:
        return "true or false", "true"
    if kind is float:
        return "a number", "0.05"
    if get_origin(kind) is Literal:
        words = [word for word in get_args(kind) if word]
        return f"one of {', '.join(words)}", words[0]
    return "a whole number", "3"


def _value(kind: Any, text: str) -> bool | float | str:
    """A value of the type. Raises ValueError if the text is not one."""
    if kind is float:
        return float(text)
    if kind is not bool and get_origin(kind) is not Literal:
        return int(text)
    words = ("false", "true") if kind is bool else get_args(kind)
    if text not in words:
        raise ValueError(text)
    return text == "true" if kind is bool else text
