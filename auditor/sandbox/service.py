"""The service behind the routes: a world, its conduct, and the requests it received."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from auditor.sandbox.documents import Json
from auditor.sandbox.edits import SettingEdits
from auditor.sandbox.faults import Draw, Faults
from auditor.sandbox.identity import digest, opaque_id
from auditor.sandbox.limits import Excess, Plan, RequestCounter
from auditor.sandbox.oauth import TOKEN_LIFE, Tokens
from auditor.sandbox.paging import PageTokens, StaleToken
from auditor.sandbox.world import World

DEFAULT_PAGE: Final = 30
_PAGE_FIELDS: Final = frozenset({"page_size", "next_page_token"})


LIST_SUB_ACCOUNTS: Final = "account:read:list_sub_accounts:master"
"""The scope that lists the accounts below a primary account."""


def master_scope(scope: str) -> str:
    """The scope that allows for sub accounts what `scope` allows for the account itself."""
    return scope.removesuffix(":admin").removesuffix(":master") + ":master"


class SandboxResponse(NamedTuple):
    """A response of the API."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] | None = None
    """In addition to those of every response; None for the rate-limit category alone."""
    content_type: bytes = b"application/json;charset=UTF-8"
    from_zoom: bool = True
    """False for the response of an intermediary, which has none of Zoom's headers."""
    held: float = 0.0
    """Delay in seconds."""


class Refused(Exception):
    """An error of the API: HTTP status, Zoom's code and message."""

    def __init__(
        self, status: int, code: int, message: str, errors: Sequence[Mapping[str, str]] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def answer(self) -> SandboxResponse:
        """The error as Zoom words it."""
        body: dict[str, Json] = {"code": self.code, "message": self.message}
        if self.errors:
            body["errors"] = [*self.errors]
        return to_json(body, self.status)


@dataclass(frozen=True, slots=True)
class Conduct:
    """The behaviour of the service, independent of the account."""

    plan: Plan = "business"
    """The rate limits that apply; `none` for no limit."""
    latency_ms: float = 0.0
    """Delay of each response in milliseconds."""
    faults: Faults = field(default_factory=Faults)
    scopes: tuple[str, ...] | None = None
    """The app's scopes; None for every granular read scope that the routes need."""
    deactivated: bool = False
    """The app is deactivated: it gets no tokens, and old ones do not work."""
    empty: bool = False
    """Every document is `{}`, and every listing has no rows."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
    writing_scopes: tuple[str, ...] | None = None
    """The scopes of the writing app; None for those that changing settings and locks needs."""
    keeps_siblings: bool = True
    """A PATCH that names part of an object below a section leaves the rest of it as it is. False:
    the rest is reset. Zoom documents neither."""
    observer: Callable[[str, str], None] | None = None
    """Called with `received` and then `answered`, and the name of the operation, such as `PATCH
    /users/{userId}/settings`, before the response is sent."""
    sub_accounts: tuple[World, ...] = ()
    """The accounts below this one, which is then a primary account."""
    count_scopes: bool = True
    """Count requests per group, user and meeting too, at some 200 bytes for each."""


@dataclass(slots=True)
class Requests:
    """Counts of requests, for tests. Requests to the token endpoint count as `/oauth/token`."""

    by_template: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Responses by path template and HTTP status; a connection reset counts as status 0."""
    by_scope: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Requests by path template and the id in the path."""

    @property
    def total(self) -> int:
        """All requests."""
        return self.by_template.total()

    def status(self, status: int) -> int:
        """Requests answered with the HTTP status."""
        return sum(count for (_, seen), count in self.by_template.items() if seen == status)

    def template(self, template: str) -> int:
        """Requests to one path template, such as `/users/{userId}/settings`."""
        return sum(count for (seen, _), count in self.by_template.items() if seen == template)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the API, already admitted."""

    template: str
    ids: Mapping[str, str]
    """Ids in the path, by the names the template gives them."""
    query: Mapping[str, str]
    now: float
    body: bytes = b""
    content_type: str = ""


class Service:
    """A world and its conduct. Holds all state that changes while serving."""

    def __init__(
        self,
        world: World,
        conduct: Conduct,
        scopes: Iterable[str],
        writing_scopes: Iterable[str] = (),
    ) -> None:
        self.conduct = conduct
        self.faults = faults = conduct.faults
        if gone := faults.deleted_users + faults.departing_users:
            world = replace(world, deleted_users=gone)
        self.world = world
        self.changes = SettingEdits(world)
        self.departed: set[tuple[str, int]] = set()
        """Users and groups of the faults `departing_…` that were requested."""
        self.clock = _ahead(conduct.clock, faults.clock_skew)
        self.started_at = self.clock()
        """When the account was first served, in seconds since 1970: entries of the operation log
        are dated back from that day, and keep their dates when a new day begins."""
        below = replace(conduct, sub_accounts=())
        self.sub_accounts = {
            each.account_id: Service(each, below, scopes) for each in conduct.sub_accounts
        }
        """The accounts below this one, by id. Their requests count against its limits."""
        if self.sub_accounts:
            scopes = (*scopes, *map(master_scope, scopes), LIST_SUB_ACCOUNTS)
        granted = scopes if conduct.scopes is None else conduct.scopes
        self.scopes = frozenset(granted) - world.rules.withheld
        """The scopes that requests of the reading app are checked against, which may change."""
        seed = world.seed
        life = faults.token_life
        self.tokens = Tokens(
            account_id=world.account_id,
            client_id=opaque_id(seed, "client", 0),
            client_secret=f"CANARY-client-secret-{digest(seed, 'client secret').hex()}",
            owner_id=world.user_id(0),
            scopes=tuple(sorted(self.scopes)),
            life=TOKEN_LIFE if life is None else life,
            deactivated=conduct.deactivated,
        )
        granted = writing_scopes if conduct.writing_scopes is None else conduct.writing_scopes
        self.writing_tokens = replace(
            self.tokens,
            client_id=opaque_id(seed, "writing client", 0),
            client_secret=f"CANARY-client-secret-{digest(seed, 'writing secret').hex()}",
            scopes=tuple(sorted(granted)),
        )
        self.writes = 0
        """The PATCH requests so far that were neither refused nor invalid."""
        self.limits = RequestCounter(conduct.plan, faults.daily_limit, faults.limit_below)
        self.draw = Draw(faults)
        self.pages = PageTokens(
            digest(seed, "pages"),
            expire_first=faults.expire_page_token,
            loops=faults.page_token_loops,
            repeats=faults.page_token_repeats,
        )
        self.requests = Requests()

    def count_write(self) -> int:
        """Count an accepted PATCH, and return its number."""
        self.writes += 1
        return self.writes

    def observe(self, stage: str, operation: str) -> None:
        """Tell the observer, if there is one."""
        if self.conduct.observer is not None:
            self.conduct.observer(stage, operation)

    def page(
        self,
        call: Call,
        name: str,
        total: int,
        rows: Callable[[int, int], Iterable[Json]],
        *,
        largest: int,
        repeats: bool = False,
        more: Mapping[str, Json] | None = None,
    ) -> SandboxResponse:
        """One page of a listing of `total` rows; `rows(start, size)` gives its rows.

        `more` goes into the body beside them. With `repeats`, a further page begins with the last
        row of the page before.

        Raises:
            Refused: a page size out of range, or an invalid page token (code 300).
        """
        size = page_size(call, largest)
        requested = call.query.get("next_page_token", "")
        same = sorted(item for item in call.query.items() if item[0] not in _PAGE_FIELDS)
        listing = json.dumps([call.template, *call.ids.values(), same])
        try:
            start = self.pages.start(listing, requested, call.now)
        except StaleToken:
            message = "The next page token is either invalid or has expired."
            raise Refused(400, 300, message) from None
        if repeats and start and size > 1:
            start -= 1
        end = min(start + size, total)
        token = self.pages.following(listing, requested, end if end < total else None, call.now)
        body = {"page_size": size, "total_records": total, "next_page_token": token}
        return to_json({**(more or {}), **body, name: list(rows(start, end - start))})


def to_json(body: Json, status: int = 200) -> SandboxResponse:
    """A JSON response."""
    return SandboxResponse(status, json.dumps(body, separators=(",", ":")).encode())


def rate_limited(excess: Excess) -> SandboxResponse:
    """The 429 of a request over a limit."""
    return to_json({"code": 429, "message": excess.message}, 429)._replace(headers=excess.headers)


def emptied(answer: SandboxResponse) -> SandboxResponse:
    """The response without content: a listing without rows, or an empty document."""
    body = json.loads(answer.body)
    if "total_records" not in body:
        return answer._replace(body=b"{}")
    rows: dict[str, Json] = {name: [] for name, value in body.items() if isinstance(value, list)}
    paging = {"next_page_token": ""} if "next_page_token" in body else {}
    return to_json({**body, **rows, **paging, "total_records": 0}, answer.status)


def page_size(call: Call, largest: int) -> int:
    """The requested page size, 30 by default.

    Raises:
        Refused: not a number from 1 to `largest`.
    """
    requested = call.query.get("page_size", str(DEFAULT_PAGE))
    if not requested.isdecimal() or not 1 <= int(requested) <= largest:
        raise Refused(400, 300, f"The value of page_size must lie between 1 and {largest}.")
    return int(requested)


def _ahead(clock: Callable[[], float], seconds: float) -> Callable[[], float]:
    return (lambda: clock() + seconds) if seconds else clock
