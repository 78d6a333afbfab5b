"""`auditor doctor` against simulated accounts, and where there is none."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.doctor.as_json import schema
from auditor.sandbox import Faults, Sandbox
from auditor.sandbox.api import SCOPES
from auditor.zoom.endpoints import ENDPOINTS
from tests.certificates import server_context, serving
from tests.end_to_end.conftest import Auditor, Ran, served, variables

ROOT = Path(__file__).parents[2]
EVERY_NAME = schema()["$defs"]["check"]["properties"]["name"]["enum"]
NAMES = [name for name in EVERY_NAME if name not in ("write_app", "fix_scopes", "read_app")]
VALIDATOR = jsonschema.Draft202012Validator(schema())
WITHHELD = [
    "account:read:lock_settings:admin",
    "group:read:lock_settings:admin",
    "group:read:settings:admin",
    "user:read:settings:admin",
]
"""What the scenario `denied` lacks."""

Doctor = Callable[..., Ran]


@pytest.fixture(scope="module")
def drifted() -> Iterator[Sandbox]:
    with served(users=30) as account:
        yield account


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    """The command at 80 columns in an empty folder, pointed at an account or at none."""

    def examine(*words: object, at: Sandbox | None = None, **env: str) -> Ran:
        return Auditor(tmp_path, at)("doctor", *words, env={"COLUMNS": "80", **env})

    return examine


@pytest.fixture
def diagnosis(doctor: Doctor) -> Callable[..., dict[str, Any]]:
    """The same as JSON, which has to fit its schema whatever it says."""

    def examine(*words: object, at: Sandbox | None = None, **env: str) -> dict[str, Any]:
        ran = doctor(*words, "--format", "json", at=at, **env)
        found: dict[str, Any] = json.loads(ran.out)
        assert [error.message for error in VALIDATOR.iter_errors(found)] == []
        assert found["exit_code"] == ran.code
        return found

    return examine


def states(found: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["state"] for check in found["checks"]}


def of(found: dict[str, Any], name: str) -> dict[str, Any]:
    (check,) = (check for check in found["checks"] if check["name"] == name)
    return dict(check)


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_complete_audit_is_promised_with_code_0(doctor: Doctor) -> None:
    ran = doctor("--sandbox")
    assert ran.code == 0, ran.out
    assert ran.out.splitlines()[-1] == "An audit would be complete."
    assert "To copy" not in ran.out


def test_every_check_is_made_and_in_the_documented_order(
    diagnosis: Callable[..., dict[str, Any]], drifted: Sandbox
) -> None:
    assert list(states(diagnosis(at=drifted))) == NAMES
    failing = diagnosis(ZOOM_API_URL="ftp://x")
    assert list(states(failing)) == NAMES


def test_missing_scopes_are_listed_once_to_copy_one_a_line(doctor: Doctor) -> None:
    ran = doctor("--sandbox", "--scenario", "denied")
    assert ran.code == 3
    lines = ran.out.splitlines()
    start = lines.index("To copy (4, granular)") + 1
    assert lines[start : start + 5] == [*WITHHELD, ""]


def test_json_names_for_each_control_what_it_needs_and_misses(
    diagnosis: Callable[..., dict[str, Any]],
) -> None:
    found = diagnosis("--scenario", "denied")
    assert found["scopes"]["to_add"] == WITHHELD
    (control,) = (c for c in found["controls"] if c["control"] == "CN-05")
    assert control["would_be_unknown"] is True
    assert control["missing"] == ["GET /users/{userId}/settings"]
    assert control["requests"] == [
        "GET /users",
        "GET /users/{userId}/settings",
        "GET /report/history_meetings",
        "GET /report/disclaimer",
    ]
    untouched = [c["control"] for c in found["controls"] if not c["missing"]]
    assert untouched
    assert not set(untouched) & {c for r in found["scopes"]["required"] if not r["granted"]
                                 for c in r["controls"]}  # fmt: skip


def test_v_lists_every_control_with_granular_and_classic_scopes(doctor: Doctor) -> None:
    ran = doctor("-v", "--sandbox", "--scenario", "denied", "--only", "CN-05", "--only", "CC-04")
    text = flat(ran.out)
    assert "CN-05 unknown" in text
    assert "granted user:read:list_users:admin (classic: user:read:admin)" in text
    assert "missing user:read:settings:admin (classic: user:read:admin)" in text


def test_without_credentials_all_that_an_app_needs_is_listed(doctor: Doctor) -> None:
    refused = "http://127.0.0.1:9"
    ran = doctor(ZOOM_API_URL=f"{refused}/v2", ZOOM_OAUTH_URL=f"{refused}/oauth/token")
    assert ran.code == 2
    assert "To copy (15, granular)\naccount:read:lock_settings:admin\n" in ran.out
    assert "auditor auth login" in flat(ran.out)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("ZOOM_CLIENT_SECRET", "not-the-secret-at-all", "client secret is wrong"),
        ("ZOOM_ACCOUNT_ID", "someone-elses-account", "does not know this account ID"),
    ],
)
def test_wrong_credentials_are_told_apart(
    doctor: Doctor, drifted: Sandbox, variable: str, value: str, says: str
) -> None:
    ran = doctor(at=None, **{**variables(drifted), variable: value})
    assert ran.code == 4
    assert says in flat(ran.out)
    assert drifted.client_secret not in ran.out
    assert "not-the-secret-at-all" not in ran.out


def test_a_deactivated_app_is_told(diagnosis: Callable[..., dict[str, Any]]) -> None:
    with served(deactivated=True) as account:
        found = diagnosis(at=account)
    assert found["exit_code"] == 4
    assert "deactivated" in of(found, "token")["next"]
    assert states(found)["access"] == states(found)["scopes"] == "skipped"


@pytest.mark.parametrize(
    ("seconds", "state", "says"),
    [(30, "ok", "Within"), (3600, "warning", "behind"), (-3600, "warning", "ahead of")],
)
def test_a_wrong_clock_is_a_warning_with_its_effect(
    diagnosis: Callable[..., dict[str, Any]], seconds: int, state: str, says: str
) -> None:
    with served(faults=Faults(clock_skew=seconds)) as account:
        found = diagnosis(at=account)
    clock = of(found, "clock")
    assert (clock["state"], says in clock["sentence"]) == (state, True)
    assert clock["facts"]["seconds_ahead"] == pytest.approx(-seconds, abs=2)
    assert found["exit_code"] == 0


def test_a_closed_port_stops_what_rests_on_it(
    drifted: Sandbox, diagnosis: Callable[..., dict[str, Any]]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        closed = f"http://127.0.0.1:{used.getsockname()[1]}"
    urls = {"ZOOM_API_URL": f"{closed}/v2", "ZOOM_OAUTH_URL": f"{closed}/oauth/token"}
    found = diagnosis(**{**variables(drifted), **urls})
    assert found["exit_code"] == 4
    assert "refused" in of(found, "reachability")["sentence"]
    skipped = {name for name, state in states(found).items() if state == "skipped"}
    assert skipped == {"tls", "clock", "token", "access", "rates", "scopes", "write_scopes"}


def test_an_api_that_is_not_there_leaves_the_scopes_to_be_told(
    drifted: Sandbox, diagnosis: Callable[..., dict[str, Any]]
) -> None:
    found = diagnosis(**{**variables(drifted), "ZOOM_API_URL": "http://127.0.0.1:9/v2"})
    assert found["exit_code"] == 4
    assert states(found)["token"] == states(found)["scopes"] == "ok"
    assert states(found)["access"] == "skipped"


def test_a_certificate_nobody_trusts_is_shown_with_the_way_on(
    tmp_path: Path, drifted: Sandbox, diagnosis: Callable[..., dict[str, Any]]
) -> None:
    with serving(server_context(tmp_path)) as server:
        urls = {"ZOOM_API_URL": server.url, "ZOOM_OAUTH_URL": server.url}
        found = diagnosis(**{**variables(drifted), **urls})
    tls = of(found, "tls")
    assert found["exit_code"] == 4
    assert tls["state"] == "failed"
    assert "issued by 127.0.0.1" in tls["sentence"]
    assert "REQUESTS_CA_BUNDLE" in tls["next"]
    assert states(found)["token"] == "skipped"
    assert server.requests == []


def test_write_scopes_are_a_warning_and_listed(
    diagnosis: Callable[..., dict[str, Any]],
) -> None:
    held = (*SCOPES, "user:write:user:admin", "meeting:delete:meeting:admin")
    with served(scopes=held) as account:
        found = diagnosis(at=account)
    assert found["exit_code"] == 0
    assert found["scopes"]["writing"] == ["meeting:delete:meeting:admin", "user:write:user:admin"]
    assert of(found, "write_scopes")["state"] == "warning"


def test_an_app_with_classic_scopes_is_told_classic_ones(
    doctor: Doctor, diagnosis: Callable[..., dict[str, Any]]
) -> None:
    enough = ("account:read:admin", "group:read:admin", "user:read:admin", "phone:read:admin")
    chosen = ("--only", "AI-02", "--only", "AI-16")
    with served(scopes=enough) as account:
        assert diagnosis(*chosen, at=account)["exit_code"] == 0
    with served(scopes=enough[:2]) as account:
        found = diagnosis(*chosen, at=account)
        assert found["scopes"]["to_add"] == ["phone:read:admin", "user:read:admin"]
        report = doctor(*chosen, at=account).out
        assert "To copy (2, classic)\nphone:read:admin\nuser:read:admin\n" in report


def test_a_request_without_a_classic_scope_is_said_to_have_none(
    diagnosis: Callable[..., dict[str, Any]],
) -> None:
    with served(scopes=("account:read:admin",)) as account:
        found = diagnosis("--only", "AI-22", at=account)
    assert found["exit_code"] == 3
    assert found["scopes"]["to_add"] == []
    assert [each["request"] for each in found["scopes"]["required"] if not each["granted"]] == [
        "GET /marketplace/apps"
    ]


def test_a_token_without_named_scopes_promises_nothing(
    diagnosis: Callable[..., dict[str, Any]],
) -> None:
    with served(scopes=()) as account:
        found = diagnosis(at=account)
    assert found["exit_code"] == 3
    assert found["scopes"]["granted"] is None
    assert {each["granted"] for each in found["scopes"]["required"]} == {None}


def test_an_optional_scope_fails_nothing(diagnosis: Callable[..., dict[str, Any]]) -> None:
    with served(scopes=[s for s in SCOPES if not s.startswith("report:")]) as account:
        found = diagnosis("--only", "AI-02", at=account)
    assert found["exit_code"] == 0
    assert found["scopes"]["optional_to_add"] == ["report:read:operation_logs:admin"]


@pytest.mark.parametrize(
    ("words", "env", "name", "says"),
    [
        (["--baseline", "strikt"], {}, "baseline", 'Did you mean "strict"?'),
        (["--only", "AI-1"], {}, "baseline", "no control is called"),
        ([], {"ZOOM_API_URL": "https://api.example.com/v2"}, "addresses", "not belong to Zoom"),
        (
            [],
            {"ZOOM_API_URL": "https://api.zoomgov.com/v2"},
            "addresses",
            "neither accepts the other",
        ),
    ],
)
def test_an_invalid_configuration_is_one_check_and_code_2(
    drifted: Sandbox,
    diagnosis: Callable[..., dict[str, Any]],
    words: list[str],
    env: dict[str, str],
    name: str,
    says: str,
) -> None:
    found = diagnosis(*words, **{**variables(drifted), **env})
    assert found["exit_code"] == 2
    assert of(found, name)["state"] == "failed"
    assert says in of(found, name)["sentence"]


def test_a_selection_without_controls_is_nothing_to_evaluate(
    diagnosis: Callable[..., dict[str, Any]], drifted: Sandbox
) -> None:
    found = diagnosis("--baseline", "consent-first", "--only", "AI-01", at=drifted)
    assert found["exit_code"] == 4
    assert "none of the selected controls" in of(found, "baseline")["sentence"]


def test_a_data_directory_that_cannot_be_made_is_configuration(
    tmp_path: Path, drifted: Sandbox, diagnosis: Callable[..., dict[str, Any]]
) -> None:
    (tmp_path / "file").write_text("")
    found = diagnosis(at=drifted, AUDITOR_HOME=str(tmp_path / "file" / "data"))
    assert found["exit_code"] == 2
    assert states(found)["history"] == "skipped"


def test_it_asks_for_little_and_leaves_nothing_behind(
    tmp_path: Path, diagnosis: Callable[..., dict[str, Any]]
) -> None:
    with served() as account:
        assert diagnosis("--depth", "meeting", at=account)["exit_code"] == 0
        requests = account.requests.by_template
    assert {template for template, _ in requests} == {
        "/oauth/token",
        "/users",
        "/accounts/{accountId}/settings",
        "/accounts/{accountId}/lock_settings",
    }
    assert requests.total() == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scenario", ["drifted", "denied"])
@pytest.mark.parametrize("words", [(), ("-v", "--baseline", "strict", "--depth", "meeting")])
def test_every_line_fits_into_80_columns_without_colours(
    doctor: Doctor, scenario: str, words: tuple[str, ...]
) -> None:
    ran = doctor("--scenario", scenario, *words)
    long = [line for line in ran.out.splitlines() if len(line) > 80 and "/" not in line]
    assert long == []
    assert "\x1b" not in ran.out


def test_the_states_are_words_not_colours(doctor: Doctor) -> None:
    ran = doctor("--scenario", "denied", NO_COLOR="1")
    words = {line.split()[0] for line in ran.out.splitlines()[:30] if line[:1].isalpha()}
    assert {"ok", "failed"} <= words


def test_it_can_be_written_to_a_file(tmp_path: Path, doctor: Doctor) -> None:
    ran = doctor("--sandbox", "--format", "json", "--output", tmp_path / "doctor.json")
    assert (ran.code, ran.out) == (0, "")
    assert json.loads((tmp_path / "doctor.json").read_text())["complete"] is True


def test_the_schema_is_valid_published_and_explained(doctor: Doctor) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads(doctor("--schema").out) == schema()
    nodes = {"document": schema(), **schema()["$defs"]}
    unexplained = [
        f"{path}.{name}"
        for path, node in nodes.items()
        for name, child in node["properties"].items()
        if "description" not in child
    ]
    assert unexplained == []


def test_every_check_is_in_the_handbook_with_the_code_it_ends_with() -> None:
    handbook = (ROOT / "docs/operations/doctor.md").read_text(encoding="utf-8")
    for name in EVERY_NAME:
        assert f"| `{name}` |" in handbook


def test_an_address_with_a_password_in_it_is_refused_and_not_shown(doctor: Doctor) -> None:
    for url in ("https://user:S3cretUrl@api.zoom.us/v2", "https://user:S3cret/Url@api.zoom.us/v2"):
        for form in ("text", "json"):
            ran = doctor("--format", form, ZOOM_API_URL=url)
            assert ran.code == 2
            assert "must not contain a user name or password" in flat(ran.out)
            assert "S3cret" not in ran.out + ran.err


def test_a_data_directory_that_is_refused_is_one_check_and_the_others_are_made(
    diagnosis: Callable[..., dict[str, Any]], drifted: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o1777)
    found = diagnosis(at=drifted)
    assert list(states(found)) == NAMES
    assert found["exit_code"] == 2
    store = of(found, "store")
    assert store["state"] == "failed"
    assert "everybody may create files there" in store["sentence"]
    assert "Set AUDITOR_HOME" in store["next"]
    assert states(found)["history"] == states(found)["unfinished"] == "skipped"
    assert states(found)["token"] == states(found)["scopes"] == states(found)["disk"] == "ok"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o2775])
def test_a_data_directory_that_others_may_write_to_is_told_of_and_left_alone(
    diagnosis: Callable[..., dict[str, Any]], drifted: Sandbox, tmp_path: Path, mode: int
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(mode)
    store = of(diagnosis(at=drifted), "store")
    assert store["state"] == "warning"
    assert f"may write to {data} (mode {mode:04o})" in store["sentence"]
    assert "The next audit removes that permission." in store["sentence"]
    assert store["facts"]["mode"] == f"{mode:04o}"
    assert data.stat().st_mode & 0o7777 == mode


def test_a_keyring_is_not_asked_for_where_all_three_values_are_there(
    diagnosis: Callable[..., dict[str, Any]], drifted: Sandbox
) -> None:
    same = {**variables(drifted), "ZOOM_CLIENT_ID": drifted.account_id}
    found = diagnosis(**same)
    assert "the same as the account ID" in of(found, "credentials")["sentence"]
    assert of(found, "keyring")["state"] == "ok"
    without = {name: value for name, value in same.items() if name != "ZOOM_CLIENT_SECRET"}
    assert of(diagnosis(**without), "keyring")["state"] == "warning"


def test_the_sandbox_is_examined_with_its_own_store(
    diagnosis: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    before = diagnosis("--sandbox")
    assert str(tmp_path / "data" / "sandbox") in of(before, "store")["sentence"]
    Auditor(tmp_path)("audit", "--sandbox", "--users", "5", "--depth", "account")
    (tmp_path / "data" / "history.sqlite").write_bytes(b"no history at all")
    found = diagnosis("--sandbox")
    assert of(found, "store")["facts"]["exists"] is True
    history = of(found, "history")
    assert history["state"] == "ok"
    assert str(tmp_path / "data" / "sandbox") in history["sentence"]


def test_names_are_looked_up_among_the_runs_of_the_sandbox(
    diagnosis: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    Auditor(tmp_path)("audit", "--sandbox", "--users", "70", "--depth", "group")
    (tmp_path / "org.yaml").write_text("parameters: {ai_allowed_groups: [Saless]}")
    names = of(diagnosis("--sandbox", "--org", "org.yaml"), "names")
    assert names["state"] == "warning"
    assert 'Did you mean "Sales"?' in names["sentence"]
    assert of(diagnosis("--org", "org.yaml"), "names")["state"] == "skipped"


def test_accepted_blind_spots_are_examined_by_date_and_by_scope(
    diagnosis: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    def entry(request: str, until: str) -> str:
        return (
            f'  - {{request: "{request}", cause: denied, reason: r, owner: dpo@example.com, '
            f'expires: "{until}"}}\n'
        )

    refused, seen = "GET /groups/{groupId}/settings", "GET /accounts/me/settings"
    org = tmp_path / "org.yaml"
    org.write_text("blind_spots:\n" + entry(refused, "2099-12-31"))
    every = {scope for endpoint in ENDPOINTS.values() for scope in endpoint.scopes[:1]}
    with served(scopes=every - {"group:read:settings:admin"}) as account:
        accepted = diagnosis("--org", "org.yaml", at=account)
        org.write_text("blind_spots:\n" + entry(refused, "2026-01-31") + entry(seen, "2099-12-31"))
        due = diagnosis("--org", "org.yaml", at=account)
    assert (states(accepted)["scopes"], states(accepted)["accepted"]) == ("warning", "ok")
    assert accepted["exit_code"] == 0
    assert (states(due)["scopes"], states(due)["accepted"]) == ("failed", "warning")
    assert "ended on 2026-01-31" in of(due, "accepted")["sentence"]
    assert f"{seen} for level account can be seen again" in of(due, "accepted")["sentence"]
