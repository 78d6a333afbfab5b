"""What holds for every document and every policy file, not only for those somebody thought of."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.evidence.reading import JsonValue
from auditor.policy.baseline import baselines as baseline
from auditor.policy.baseline import organisation
from auditor.policy.baseline.organisation import OrganisationFile
from auditor.policy.catalogue import files, yaml_source
from auditor.policy.catalogue.errors import PolicyError
from auditor.zoom.errors import ZoomError
from auditor.zoom.payload import parse_object
from auditor.zoom.redaction import redact

pytestmark = pytest.mark.slow

REQUEST = "GET /users"
CANARY = "kanarie000001q"
CATALOGUE = files.shipped_catalogue()
SHIPPED = json.loads((files.folder() / "settings.json").read_text("utf-8"))

SCALARS = (
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False)
) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=15,
)
OBJECTS = st.dictionaries(st.text(max_size=12), JSON, max_size=5)
SECRET_NAMES = st.sampled_from(
    ["password", "h323_password", "hostKey", "zak", "start_url", "Client-Secret", "access_token"]
)
quick = settings(max_examples=150, deadline=None, derandomize=True)


def is_finite(document: object) -> bool:
    return "Infinity" not in json.dumps(document)


@quick
@given(OBJECTS.filter(is_finite))
def test_what_is_json_is_read_as_it_is(document: dict[str, object]) -> None:
    assert parse_object(json.dumps(document).encode(), "application/json", REQUEST) == document


@quick
@given(OBJECTS, st.integers(0, 300), st.binary(max_size=3))
def test_what_is_damaged_is_read_as_something_or_refused(
    document: dict[str, object], at: int, damage: bytes
) -> None:
    body = json.dumps(document).encode()
    try:
        found: object = parse_object(body[:at] + damage + body[at + len(damage) :], "", REQUEST)
    except ZoomError as error:
        found = str(error)
    assert isinstance(found, dict) or str(found).isprintable()


def planted(document: JsonValue, path: list[int], name: str) -> JsonValue:
    """`document` with a secret in the object that `path` leads to."""
    if isinstance(document, dict):
        keys = list(document)
        if not path or not keys:
            return {**document, name: CANARY}
        key = keys[path[0] % len(keys)]
        return {**document, key: planted(document[key], path[1:], name)}
    if isinstance(document, list) and document and path:
        place = path[0] % len(document)
        rest = planted(document[place], path[1:], name)
        return [*document[:place], rest, *document[place + 1 :]]
    return {name: CANARY, "beside": document}


@quick
@given(OBJECTS, st.lists(st.integers(0, 5), max_size=6), SECRET_NAMES)
def test_a_secret_is_gone_from_wherever_it_stands(
    document: dict[str, JsonValue], path: list[int], name: str
) -> None:
    assert CANARY not in json.dumps(redact(planted(document, path, name)))


@quick
@given(OBJECTS)
def test_redaction_leaves_an_object_json_with_as_many_keys(document: dict[str, JsonValue]) -> None:
    clean = redact(document)
    assert isinstance(clean, dict)
    assert len(clean) == len(document)
    json.dumps(clean)


def documented() -> list[str]:
    """Settings whose values are more than on or off."""
    return [
        path
        for path, facts in SHIPPED["settings"].items()
        if facts["type"] not in ("boolean", "unknown")
    ]


SECRET_SETTINGS = {
    "chat.send_data_to_third_party_archiving_service.authorized_channel_token",
    "chat.send_data_to_third_party_archiving_service.passcode",
    "chat.send_data_to_third_party_archiving_service.smtp_delivery_address",
    "in_meeting.custom_service_instructions",
    "in_meeting.webinar_live_streaming.custom_service_instructions",
    "meeting_security.password_for_pmi",
    "schedule_meeting.default_password_for_scheduled_meetings",
    "schedule_meeting.pmi_password",
}


@pytest.mark.parametrize("value", ["all", 3, ["a"]], ids=str)
def test_no_documented_setting_is_taken_for_a_secret_but_the_secrets(value: JsonValue) -> None:
    """A setting that is dropped would be unknown for ever."""
    dropped = set()
    for path in documented():
        document: JsonValue = value
        for key in reversed(path.split(".")):
            document = {key: document}
        if redact(document) != document:
            dropped.add(path)
    assert dropped == SECRET_SETTINGS & {*documented()}


KEYS = st.sampled_from([*OrganisationFile.model_fields, "id", "version", "title", "controls", "x"])
ENTRIES = st.dictionaries(
    st.sampled_from(["control", "scope", "match", "group", "expires", "on", "by", "reason", "op"]),
    SCALARS | st.sampled_from(["AI-01", "RC-02", "TR-01", "2026-02-30", "2026-11-02", "*"]),
    max_size=5,
)
FILES = st.dictionaries(KEYS, JSON | ENTRIES | st.lists(ENTRIES, max_size=3), max_size=5)


@quick
@given(FILES)
def test_a_policy_file_is_valid_or_its_problems_are_told_by_line(
    tmp_path_factory: pytest.TempPathFactory, file: dict[str, object]
) -> None:
    path = Path(tmp_path_factory.getbasetemp()) / "fuzzed.yaml"
    path.write_bytes(yaml.safe_dump(file, allow_unicode=True).encode("utf-8", "replace"))
    for load in (
        lambda: organisation.load(path, CATALOGUE),
        lambda: baseline.load(str(path), CATALOGUE),
    ):
        told: tuple[str, ...] = (str(path),)
        try:
            load()
        except PolicyError as error:
            told = error.problems
        assert told
        assert all(str(path) in each or "No baseline" in each for each in told)


@quick
@given(OBJECTS.filter(is_finite))
def test_what_is_written_as_yaml_is_read_back_as_the_same(document: dict[str, object]) -> None:
    try:
        found = yaml_source.parse(yaml_source.dumped(document), "x.yaml").data
    except PolicyError:
        return  # texts that YAML has no way to write, such as a byte order mark
    assert len(found or {}) == len(document)
