import os
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from typing import Any

import pytest
import requests

from auditor.sandbox import Conduct, Sandbox, World, run, serve
from tests.sandbox.conftest import Client, Start


def test_equal_seeds_give_equal_accounts_and_other_seeds_others(start: Start) -> None:
    paths = ("/users?page_size=40", "/groups", "/accounts/me/settings")
    one, same, other = (start(seed=seed, scenario="drifted") for seed in (3, 3, 4))
    assert [one.json(p) for p in paths] == [same.json(p) for p in paths]
    assert one.json(paths[0])["users"][0]["id"] != other.json(paths[0])["users"][0]["id"]
    assert one.sandbox.client_secret == same.sandbox.client_secret != other.sandbox.client_secret


def test_equal_seeds_give_equal_ids_page_tokens_and_faults_in_any_process() -> None:
    code = (
        "from auditor.sandbox import Conduct, Faults, World, serve\n"
        "from tests.sandbox.conftest import Client\n"
        "how = Conduct(plan='none', faults=Faults(seed=3, errors_5xx=0.4), clock=lambda: NOW)\n"
        "with serve(World(users=60, scenario='drifted', seed=5), conduct=how) as served:\n"
        "    client = Client(served).sign_in()\n"
        "    print(client.session.headers['Authorization'].rsplit('.', 1)[1])\n"
        "    token = ''\n"
        "    for _ in range(40):\n"
        "        answer = client.get('/users', page_size=10, next_page_token=token)\n"
        "        print(answer.status_code, answer.text, answer.headers['x-zm-trackingid'])\n"
        "        if answer.status_code == 200:\n"
        "            token = answer.json()['next_page_token']\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", f"NOW = {now}\n{code}"],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": str(now)},
        ).stdout
        for now in (1_795_000_000, 1_795_400_000)
    ]
    assert printed[0].count("\n") == 41
    assert printed[0] == printed[1]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "example.com"])
def test_only_loopback_addresses_are_served(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        run(World(), host=host)


def test_a_taken_port_is_told() -> None:
    with serve(World()) as sandbox:
        port = int(sandbox.origin.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"), serve(World(), port=port):
            pass


def test_running_tells_the_facts_before_it_serves_and_prints_nothing() -> None:
    code = (
        "from auditor.sandbox import World, run\n"
        "def ready(sandbox):\n"
        "    print(sandbox.api_url, sandbox.account_id, flush=True)\n"
        "run(World(users=5), host='localhost', on_ready=ready)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    api_url, account_id = process.stdout.readline().split()
    assert requests.get(f"{api_url}/users", timeout=10).status_code == 401
    process.send_signal(2)
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("", "", 0)
    assert account_id == World(users=5).account_id


def _has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not _has_ipv6_loopback(), reason="this machine has no IPv6 loopback")
def test_ipv6_loopback_is_served_too() -> None:
    started: list[Sandbox] = []
    threading.Thread(
        target=run, args=(World(), "::1"), kwargs={"on_ready": started.append}, daemon=True
    ).start()
    while not started:
        time.sleep(0.01)
    assert started[0].api_url.startswith("http://[::1]:")
    assert Client(started[0]).token().status_code == 200


def test_running_needs_nobody_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.Server.run", lambda server, sockets: None)
    run(World())


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"users": 0}, "at least one user"),
        ({"groups": -1}, "cannot be negative"),
        ({"scenario": "dirty"}, "no scenario 'dirty'; there are clean, drifted"),
    ],
)
def test_a_world_that_cannot_be_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        World(**fields)


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_its_packages_the_sandbox_says_what_to_install(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; import auditor.sandbox"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: The sandbox needs two more packages: "
        "install the auditor with its extra [sandbox] (docs/operations/installing.md)."
    )


def test_requests_are_counted_by_template_status_and_scope(start: Start) -> None:
    client = start(fresh=True)
    user = client.json("/users")["users"][3]["id"]
    for _ in range(2):
        client.get(f"/users/{user}/settings")
    client.get("/users/nobody/settings")
    counted, template = client.sandbox.requests, "/users/{userId}/settings"
    assert counted.by_template[template, 200] == 2
    assert counted.by_scope[template, user] == 2
    assert (counted.template(template), counted.status(404), counted.total) == (3, 1, 5)


def test_counting_by_scope_can_be_left_out(start: Start) -> None:
    client = start(count_scopes=False)
    client.get("/users/me")
    assert not client.sandbox.requests.by_scope


def test_the_demo_has_the_limits_of_a_business_plan() -> None:
    assert Conduct().plan == "business"


@pytest.mark.parametrize(("users", "groups"), [(1, 0), (59, 5), (60, 6), (100_000, 2000)])
def test_there_is_about_one_group_for_fifty_users(users: int, groups: int) -> None:
    assert World(users=users).group_count == groups


def test_a_hundred_thousand_users_cost_neither_time_nor_memory() -> None:
    tracemalloc.start()
    began = time.process_time()
    world = World(users=100_000, scenario="drifted")
    holders = {world.user_holder(index) for index in range(0, world.present, 7)}
    took = time.process_time() - began
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(holders) < 300
    assert took < 5
    assert peak < 5_000_000


def test_any_user_of_a_hundred_thousand_is_found_at_once(start: Start) -> None:
    client = start(users=100_000, scenario="drifted")
    last = client.sandbox.world.present - 1
    user = client.sandbox.world.user_id(last)
    assert client.json(f"/users/{user}")["status"] == "inactive"
    assert client.json(f"/users/{user}/settings")["in_meeting"]
