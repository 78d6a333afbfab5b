"""Secrets of this process are found in a text in every usual encoding."""

import base64
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.redaction.held_secrets import MOST_TOKENS, REDACTED, HeldSecrets

SECRET = "s3cr3t/of+the=app ü"


def held(*secrets: str) -> HeldSecrets:
    made = HeldSecrets()
    made.register(*secrets)
    return made


def spelt(text: str, form: str) -> str:
    return "".join(form % ord(letter) for letter in text)


RAW = SECRET.encode()
FORMS = {
    "as it is": SECRET,
    "in an address": quote(SECRET),
    "in an address, all of it": quote(SECRET, safe=""),
    "every letter percent-encoded": "".join(f"%{byte:02x}" for byte in RAW),
    "twice percent-encoded": quote(quote(SECRET, safe=""), safe=""),
    "json": json.dumps(SECRET),
    "every letter as json escapes": spelt(SECRET, "\\u%04x"),
    "json in json": json.dumps(json.dumps({"a": SECRET})),
    "html": SECRET.replace("3", "&#51;").replace("s", "&#x73;"),
    "hexadecimal": RAW.hex(),
    "HEXADECIMAL": RAW.hex().upper(),
    "base64": base64.b64encode(RAW).decode(),
    "base64url": base64.urlsafe_b64encode(RAW).decode(),
    "base64 in an address": quote(base64.b64encode(RAW).decode(), safe=""),
    "base64 at the second place": base64.b64encode(b"x" + RAW + b"yz").decode(),
    "base64 at the third place": base64.urlsafe_b64encode(b"xy" + RAW + b"z").decode(),
    "base64 in json": json.dumps(base64.b64encode(b"xyz:" + RAW).decode()).replace("/", "\\/"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_held_secret_is_found_in_each_form(form: str) -> None:
    clean = held(SECRET).redact(f"before {FORMS[form]} after")
    assert REDACTED in clean
    assert clean.startswith("before ")
    assert clean.rstrip().endswith("after")
    assert "s3cr3t" not in clean
    assert FORMS[form][4:12] not in clean


def test_little_of_what_surrounds_a_secret_in_base64_goes_with_it() -> None:
    words = base64.b64encode(b"the user anna has the password " + RAW + b" since monday").decode()
    assert held(SECRET).redact(words).startswith(words[:36])


def test_several_in_one_text_and_next_to_each_other_are_found() -> None:
    both = held("first-secret", "second-secret")
    assert both.redact("first-secretsecond-secret, first-secret") == f"{REDACTED * 2}, {REDACTED}"


def test_the_beginning_of_a_long_secret_is_hidden_where_somebody_cut_it() -> None:
    secret = "abcdefghijklmnopqrstuvwxyz0123456789"
    for length in range(18, 37):
        assert held(secret).redact(f"was {secret[:length]}... 36") == f"was {REDACTED}... 36"
    assert held(secret).redact("was abcdefghijkl...") == "was abcdefghijkl..."


@pytest.mark.parametrize(
    "address",
    ["https://example.com/T0kEnThatNobodyMaySee", "https://example.com/" + "T0kEn" * 20],
)
def test_the_host_of_an_address_that_is_a_secret_gives_nothing_away(address: str) -> None:
    other = "see https://example.com/terms?lang=en"
    assert held(address).redact(other) == other
    assert held(address).redact(quote(other)) == quote(other)
    assert held(address).redact(f"at {address}") == f"at {REDACTED}"


def test_the_longest_that_fits_is_hidden() -> None:
    assert held("the-secret", "the-secret-2026").redact("the-secret-2026") == REDACTED


@pytest.mark.parametrize("text", ["", "a secret", "100% sure & safe", "C:\\users\\new", "%zz%41"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert held(SECRET).redact(text) == text


def test_what_is_decoded_holds_no_line_breaks() -> None:
    assert held(SECRET).redact(f"a%0A{quote(SECRET, safe='')}%1b[31m") == f"a%0A{REDACTED}%1b[31m"
    assert "\n" not in held(SECRET).redact("a%0A" + "".join(f"%{byte:02x}" for byte in RAW))


def test_secrets_of_the_configuration_are_never_forgotten_and_the_newest_tokens_are_known() -> None:
    secrets = held("the-credential")
    last = MOST_TOKENS + 10
    for number in range(last + 1):
        secrets.register_token(f"access-token-{number:05}")
    known = ["the-credential", *(f"access-token-{last - n:05}" for n in range(MOST_TOKENS))]
    assert secrets.redact(" ".join(known)) == " ".join([REDACTED] * len(known))
    assert secrets.redact("access-token-00000") == "access-token-00000"


@given(st.text(min_size=8), st.binary(max_size=5), st.text(max_size=9))
def test_a_secret_is_never_left_whatever_it_is_and_whatever_surrounds_it(
    secret: str, before: bytes, around: str
) -> None:
    secrets = held(secret)
    try:
        raw = secret.encode()
    except UnicodeEncodeError:
        return
    forms = [secret, raw.hex(), base64.b64encode(before + raw).decode(), quote(secret, safe="")]
    for form in forms:
        assert form not in secrets.redact(f"{around}{form}{around}") or form in REDACTED


def test_no_number_of_secrets_makes_a_long_text_take_long() -> None:
    secrets = held(*(f"configured-secret-{number:04}" for number in range(50)))
    for number in range(MOST_TOKENS):
        secrets.register_token(f"token-{number:04}-" + "x" * 500)
    started = time.process_time()
    secrets.redact("conf token-00 " * 14_000)
    assert time.process_time() - started < 2
