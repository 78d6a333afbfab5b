"""The auditor reads: no verb but GET leaves it, besides the one POST that asks for a token.

One room can send PATCH, and one use case imports it.

Shown twice: by its source, in which nothing else is written, and by what a server receives.
"""

import ast
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from auditor.sandbox import Sandbox
from tests.end_to_end.between import between
from tests.end_to_end.conftest import Auditor, served, slow
from tests.test_architecture import tree

NETWORK = frozenset(
    (
        *("requests", "urllib3", "http", "urllib.request", "socket", "ssl", "socketserver"),
        *("ftplib", "smtplib", "imaplib", "poplib", "telnetlib", "xmlrpc", "webbrowser"),
        *("aiohttp", "httpx", "httpcore", "pycurl", "websockets", "websocket", "grpc", "paramiko"),
    )
)
"""Modules that can speak to a network."""
ALONE = {"apprise": "auditor.notify", "sqlalchemy": "auditor.store", "psycopg": "auditor.store"}
"""Libraries that speak to what the admin named, and the one room that may use each."""
PROCESSES = frozenset(("subprocess", "multiprocessing", "pty"))
"""Modules that can start a program that can."""
STARTING = frozenset(("system", "popen", "posix_spawn", "posix_spawnp", "fork", "forkpty"))
ROOMS = ("auditor.zoom", "auditor.writing", "auditor.notify", "auditor.watch", "auditor.sandbox")
"""What speaks to Zoom; what speaks to where the admin points it; what only answers."""
VERBS = frozenset(
    ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "MOVE")
)
SPOKEN = {
    ("auditor.zoom.transport", "GET"),
    ("auditor.zoom.transport", "POST"),
    ("auditor.zoom.bounded_http", "GET"),
    ("auditor.zoom.bounded_http", "POST"),
    ("auditor.zoom.probe", "HEAD"),
    ("auditor.writing.endpoints", "GET"),
    ("auditor.writing.endpoints", "POST"),
    ("auditor.writing.endpoints", "PATCH"),
    ("auditor.writing.client", "patch"),
}
"""Verbs by the module that may name them. HEAD goes without credentials: is a host there?"""
SENDING = frozenset(("post", "put", "patch", "delete", "head", "options", "request", "urlopen"))
"""Methods of the libraries that send."""
DEPTHS = (slow("account"), slow("group"), slow("user"), "meeting")

Tree = Mapping[str, str]


@functools.cache
def nodes(source: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(source)))


def parsed(modules: Tree) -> Iterator[tuple[str, ast.AST]]:
    for module, source in modules.items():
        for node in nodes(source):
            yield module, node


def in_room(module: str, *rooms: str) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    if (
        isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", ""))
        in ("import_module", "__import__")
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ):
        return {str(node.args[0].value)}
    return set()


def speakers(modules: Tree) -> list[str]:
    """Modules outside the rooms that speak, which could."""
    found = []
    for module, node in parsed(modules):
        names = {n for n in imported(node) if n in NETWORK or n.split(".")[0] in NETWORK}
        if names and not in_room(module, *ROOMS):
            found.append(f"{module} imports {sorted(names)[0]}")
        for library, room in ALONE.items():
            if library in {n.split(".")[0] for n in imported(node)} and not in_room(module, room):
                found.append(f"{module} imports {library}")
    return found


def starters(modules: Tree) -> list[str]:
    """Modules that could start another program."""
    found = []
    for module, node in parsed(modules):
        found += [f"{module} imports {n}" for n in imported(node) if n.split(".")[0] in PROCESSES]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            starts = node.attr in STARTING or node.attr.startswith(("exec", "spawn"))
            if node.value.id == "os" and starts:
                found.append(f"{module} calls os.{node.attr}")
    return found


def verbs(modules: Tree) -> set[tuple[str, str]]:
    """Verbs by the module that speaks to Zoom and names them, as a text or as a method."""
    found = set()
    for module, node in parsed(modules):
        if not in_room(module, "auditor.zoom", "auditor.writing"):
            continue
        if isinstance(node, ast.Constant) and node.value in VERBS:
            found.add((module, str(node.value)))
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in SENDING:
            assert isinstance(node.func, ast.Attribute)
            found.add((module, node.func.attr))
    return found


def callers(modules: Tree, name: str) -> set[str]:
    return {
        module
        for module, node in parsed(modules)
        if isinstance(node, ast.Attribute) and node.attr == name
    }


def test_only_the_rooms_that_speak_to_a_network_can() -> None:
    assert speakers(tree()) == []


def test_one_use_case_can_write() -> None:
    modules = tree()
    outside = {
        module
        for module, node in parsed(modules)
        if any(in_room(name, "auditor.writing") for name in imported(node))
        and not in_room(module, "auditor.writing")
    }
    assert outside == {"auditor.app.fixing"}
    importing = {
        module
        for module, node in parsed(modules)
        if any(in_room(name, "auditor.app.fixing") for name in imported(node))
    }
    assert importing == {"auditor.cli.fix_apply"}
    assert callers(modules, "patch") == {"auditor.writing.client"}


def test_no_other_program_is_ever_started() -> None:
    assert starters(tree()) == []


def test_the_only_verbs_in_the_source_are_get_and_the_post_for_a_token() -> None:
    assert verbs(tree()) <= SPOKEN
    assert callers(tree(), "request_token") == {"auditor.zoom.auth"}


@pytest.mark.parametrize(
    ("look", "module", "source"),
    [
        (speakers, "auditor.collect.collector", "import requests"),
        (speakers, "auditor.policy.judging.judge", "from urllib import request"),
        (speakers, "auditor.report.pdf_report", "def f():\n    import http.client"),
        (speakers, "auditor.cli.audit", "import_module('httpx')"),
        (speakers, "auditor.zoom.client", "import apprise"),
        (starters, "auditor.zoom.client", "import subprocess"),
        (starters, "auditor.cli.audit", "import os\nos.system('curl')"),
        (starters, "auditor.cli.audit", "import os\nos.execv('curl', [])"),
    ],
)
def test_a_module_that_could_send_is_found(
    look: Callable[[Tree], list[str]], module: str, source: str
) -> None:
    assert len(look({module: source})) == 1


@pytest.mark.parametrize(
    "source", ["send('DELETE', url)", "session.patch(url)", "adapter.request('GET', url)"]
)
def test_another_verb_would_be_found(source: str) -> None:
    assert not verbs({"auditor.zoom.client": source}) <= SPOKEN


@pytest.fixture(scope="module")
def account() -> Iterator[Sandbox]:
    with served("drifted", users=8) as account:
        yield account


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_server_receives_reads_alone(tmp_path: Path, account: Sandbox, depth: str) -> None:
    with between(account) as server:
        auditor = Auditor(tmp_path, server)
        ran = auditor.audit("--depth", depth, "--baseline", "strict", "-o", "night.json", "-vv")
    assert ran.code in (0, 3), ran.err
    assert server.verbs == {("POST", "token"), ("GET", "api")}
    assert len(server.requests) > 10
    assert {request.body for request in server.requests if request.verb == "GET"} == {b""}


def test_what_is_posted_asks_for_a_token_and_for_nothing_else(
    tmp_path: Path, account: Sandbox
) -> None:
    with between(account) as server:
        assert Auditor(tmp_path, server).audit("--depth", "account").code in (0, 3)
    posted = [dict(parse_qsl(r.body.decode())) for r in server.requests if r.verb == "POST"]
    asked = {"grant_type": "account_credentials", "account_id": account.account_id}
    assert posted
    assert all(fields == asked for fields in posted)


def test_nothing_that_works_on_stored_evidence_asks_anybody(
    tmp_path: Path, account: Sandbox
) -> None:
    with between(account) as server:
        auditor = Auditor(tmp_path, server)
        auditor.audit("--depth", "account")
        asked = len(server.requests)
        for words in (
            ("report", "--output", "night.html"),
            ("audit", "--from", "latest"),
            ("ask",),
            ("control", "list"),
            ("baseline", "list"),
        ):
            ran = auditor(*words)
            assert ran.code in (0, 3), (words, ran.err)
    assert len(server.requests) == asked
