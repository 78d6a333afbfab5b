"""What is fuzzed: functions of bytes that raise where a promise is broken.

Each takes anything a server or a file may hold. Only the errors that are made for people may come
out of the program; everything else is a defect.
"""

import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from requests.structures import CaseInsensitiveDict

from auditor.policy.baseline import baselines as baseline
from auditor.policy.baseline import organisation
from auditor.policy.catalogue import files
from auditor.policy.catalogue.errors import PolicyError
from auditor.redaction.text import redact_text
from auditor.zoom.errors import ZoomError
from auditor.zoom.payload import parse_object
from auditor.zoom.redaction import redact, redact_object
from auditor.zoom.responses import parse_response
from auditor.zoom.transport import Response

Target = Callable[[bytes], None]

CANARY = "CANARYx7Qp29LmZ"
"""Neither a word nor a number, and no shape gives it away: only its place does."""
SECRET_NAMES = ("host_key", "h323_password", "startUrl", "zak", "Client-Secret")
LONGEST_SENTENCE = 1000
STATUSES = (200, 200, 200, 200, 201, 204, 301, 400, 401, 403, 404, 429, 500, 503)
KINDS = ("application/json", "", "text/html", "application/problem+json", "\x1b[31m")


def answer(data: bytes) -> None:
    """An HTTP answer becomes a document without secrets, or a sentence on one line."""
    first, second, body = data[:1], data[1:2], data[2:]
    headers = {"Content-Type": KINDS[second[0] % len(KINDS)] if second else ""}
    if second and second[0] & 0x80:
        head, _, body = body.partition(b"\n")
        text = head.decode("latin-1")
        headers |= {"Retry-After": text, "X-RateLimit-Type": text, "x-zm-trackingid": text}
    status = STATUSES[first[0] % len(STATUSES)] if first else 200
    try:
        document = parse_response(
            Response(status, CaseInsensitiveDict(headers), body), "GET /users"
        )
    except ZoomError as error:
        sentence = str(error)
        assert "\n" not in sentence
        assert "\x1b" not in sentence
        assert len(sentence) < LONGEST_SENTENCE
        assert CANARY not in sentence or CANARY.encode() in body
        return
    clean = redact_object(document)
    assert len(clean) == len(document)
    json.dumps(clean, ensure_ascii=False).encode()


def planted(data: bytes) -> None:
    """A secret under a secret name is gone, whatever stands around it."""
    try:
        document = parse_object(data, "", "GET /users")
    except ZoomError:
        return
    name = SECRET_NAMES[len(data) % len(SECRET_NAMES)]
    places = [
        {**document, name: CANARY},
        {"around": document, "deep": [[{name: [CANARY, document]}]]},
        {name: {"any": CANARY, **{key: value for key, value in document.items() if key != "any"}}},
        {"text": json.dumps({"around": document, name: CANARY})},
        {"name": name, "value": CANARY, "around": document},
    ]
    for place in places:
        assert CANARY not in json.dumps(redact(json.loads(json.dumps(place))))


def text(data: bytes) -> None:
    """What is labelled as a secret is gone, whatever stands before and after it."""
    found = data.decode("utf-8", "replace")
    for labelled in (f"Passcode: {CANARY}", f"https://zoom.us/j/1?pwd={CANARY}"):
        assert CANARY not in redact_text(f"{found}\n{labelled}\n{found}")


def organisation_file(data: bytes) -> None:
    """An organisation file is valid, or told what is wrong with it."""
    try:
        organisation.load(_written(data, "organisation.yaml"), files.shipped_catalogue())
    except PolicyError as error:
        _check_told(error)


def baseline_file(data: bytes) -> None:
    """A baseline is valid, or told what is wrong with it."""
    try:
        baseline.load(str(_written(data, "baseline.yaml")), files.shipped_catalogue())
    except PolicyError as error:
        _check_told(error)


TARGETS: dict[str, Target] = {
    each.__name__: each for each in (answer, planted, text, organisation_file, baseline_file)
}


def _check_told(error: PolicyError) -> None:
    assert error.problems
    assert all(problem.strip() for problem in error.problems)


def _written(data: bytes, name: str) -> Path:
    path = Path(_folder().name) / name
    path.write_bytes(data)
    return path


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    """One folder for the life of the process."""
    return tempfile.TemporaryDirectory()
