"""A sandbox over real HTTP, and a client made with `requests` alone."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from auditor.sandbox import Conduct, Faults, Sandbox, World
from auditor.sandbox.documents import leaves
from tests.end_to_end.conftest import serving


@dataclass
class Clock:
    """A clock that tests set. Seconds since the epoch."""

    now: float = 1_795_000_000.25

    def __call__(self) -> float:
        return self.now


@dataclass
class Client:
    """A client of one sandbox, with one token."""

    sandbox: Sandbox
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False

    def token(self, secret: str | None = None, **fields: str) -> requests.Response:
        form = {"grant_type": "account_credentials", "account_id": self.sandbox.account_id}
        return self.session.post(
            self.sandbox.oauth_url,
            auth=(self.sandbox.client_id, secret or self.sandbox.client_secret),
            data=form | fields,
            timeout=10,
        )

    def sign_in(self) -> "Client":
        self.session.headers["Authorization"] = f"Bearer {self.token().json()['access_token']}"
        return self

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.session.get(self.sandbox.api_url + path, params=query, timeout=10)

    def json(self, path: str, **query: Any) -> Any:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def all(self, path: str, rows: str, **query: Any) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = []
        token = ""
        while True:
            page = self.json(path, next_page_token=token, **query)
            listed += page[rows]
            token = page["next_page_token"]
            if not token:
                return listed

    def leaves(self, path: str, options: tuple[str, ...]) -> dict[str, Any]:
        """Every leaf of a document, all options together, the user's own secrets made equal."""
        result: dict[str, Any] = {}
        for option in options:
            answer = self.get(path, **({"option": option} if option else {}))
            assert answer.status_code == 200, answer.text
            user = path.removeprefix("/users/").removesuffix("/settings")
            result.update(leaves(json.loads(answer.text.replace(user, "someone"))))
        return result


Start = Callable[..., Client]


@pytest.fixture(scope="session")
def shared() -> Iterator[tuple[ExitStack, dict[Any, Client]]]:
    """Sandboxes that tests only read from, kept for the session."""
    with ExitStack() as stack:
        yield stack, {}


@pytest.fixture
def start(shared: tuple[ExitStack, dict[Any, Client]]) -> Iterator[Start]:
    """Serves a world: world fields, `faults`, or fields of Conduct.

    A world without faults is shared between tests unless `fresh`.
    """
    session_stack, clients = shared
    with ExitStack() as stack:

        def _start(
            *,
            users: int = 40,
            groups: int | None = None,
            seed: int = 1,
            scenario: str = "clean",
            faults: Faults | None = None,
            signed_in: bool = True,
            fresh: bool = False,
            **conduct: Any,
        ) -> Client:
            world = World(users=users, groups=groups, seed=seed, scenario=scenario)
            own = fresh or not signed_in or faults is not None or bool(conduct)
            if not own and world in clients:
                return clients[world]
            how = Conduct(**{"plan": "none", "faults": faults or Faults(), **conduct})
            keeper = stack if own else session_stack
            client = Client(keeper.enter_context(serving(world, how)))
            keeper.callback(client.session.close)
            if signed_in:
                client.sign_in()
            if not own:
                clients[world] = client
            return client

        yield _start


@pytest.fixture
def clock() -> Clock:
    return Clock()
