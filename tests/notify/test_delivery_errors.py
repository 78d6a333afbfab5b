"""Why a message was not sent, without any part of the address."""

import pytest

from auditor.notify.delivery_errors import reason, without_secrets

URL = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/?footer=s%C3%A9same"


@pytest.mark.parametrize(
    ("logged", "expected"),
    [
        ("Failed to send: Unauthorized, error=401.", "It answered with HTTP 401. Check the addr"),
        ("Failed to send: error=503.", "It answered with HTTP 503."),
        ("Socket Exception: (550, b'no such user')", "The mail server answered with 550."),
        (
            "Socket Exception: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed",
            "Its cert",
        ),
        ("Socket Exception: [Errno -2] Name or service not known", "No such host."),
        (
            "Socket Exception: ('Connection aborted.', RemoteDisconnected())",
            "It closed the connection.",
        ),
        ("Socket Exception: Tunnel: ProxyError('x')", "The proxy cannot be used."),
        ("Socket Exception: [Errno 101] Network is unreachable", "There is no route to it."),
        ("Socket Exception: [SSL: WRONG_VERSION_NUMBER]", "No encrypted connection could be made."),
    ],
)
def test_what_the_network_says_becomes_a_sentence(logged: str, expected: str) -> None:
    assert reason([("DEBUG" if "Exception" in logged else "WARNING", logged)], URL).startswith(
        expected
    )


def test_the_message_itself_is_no_reason() -> None:
    lines = [("DEBUG", "Payload: {'text': 'the token timed out, error=404'}")]
    assert reason(lines, URL) == "It could not be sent, and the service did not say why."


def test_the_last_warning_is_reported_without_any_part_of_the_address() -> None:
    lines = [
        ("WARNING", "Attempt 1/3 for 'Slack' failed; trying again."),
        ("WARNING", "Token TIiajkdnlazkcOXrIdevi7FQ of T1JJ3T3L2 (sésame, s%C3%A9same) is wrong"),
        ("DEBUG", f"Posted to {URL}"),
    ]
    assert reason(lines, URL) == (
        "Token ［redacted］ of ［redacted］ (［redacted］, ［redacted］) is wrong"
    )


def test_a_host_that_is_no_secret_stays() -> None:
    text = "Could not reach hooks.example.com with sEcReT99 as kim"
    url = "json://kim:sEcReT99@hooks.example.com/x"
    assert without_secrets(text, url) == "Could not reach hooks.example.com with [redacted] as kim"


def test_secrets_of_others_are_redacted_too() -> None:
    assert "abc123XYZ" not in without_secrets("Authorization: Bearer abc123XYZ789", "json://h")
