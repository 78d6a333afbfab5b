"""Messages arrive at a real mail server and a real webhook. Failures are reported, and never
raised."""

import json
import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.findings.drift import ChangeKind
from auditor.notify.channels import Channel, Delivery, NotifyError
from auditor.notify.message import Message, Urgency, compose
from auditor.notify.sending import RetryLimits, check, deliver, notify, schemes
from auditor.notify.triggers import RunEvent, Trigger
from tests.dripping import DRIPS, PATIENCE, dripping
from tests.notify.news import change, group, news
from tests.notify.receivers import closed_port, mail_server, webhook

QUICK = RetryLimits(pause=0.02, answer=2.0, whole=10.0)
SECRET = "T0kEnThatNobodyMaySee"
MESSAGE = compose(news(change(scope=group("R&D <b>Legal</b> @here")), account="acme"))


def sent_to(url: str, message: Message = MESSAGE, limits: RetryLimits = QUICK) -> Delivery:
    [delivery] = deliver([Channel("ops", url)], message, limits)
    return delivery


def test_a_webhook_gets_the_message() -> None:
    with webhook() as hook:
        assert sent_to(f"json://{hook.host}/{SECRET}") == Delivery(
            "ops", "json://127.0.0.1", sent=True
        )
    [(method, path, body)] = hook.seen
    got = json.loads(body)
    assert (method, path) == ("POST", f"/{SECRET}")
    assert got["title"] == "Zoom audit of acme: 1 critical setting got worse"
    assert got["message"] == MESSAGE.body.text
    assert got["type"] == "failure"


def test_a_mail_server_gets_the_message() -> None:
    with mail_server() as box:
        assert sent_to(
            f"mailto://{box.host}?from=auditor@example.com&to=ops@example.com,dpo@example.com"
        ).sent
    assert {tuple(each.rcpt_tos) for each in box.envelopes} == {
        ("ops@example.com",),
        ("dpo@example.com",),
    }
    mail = box.messages[0]
    assert mail["Subject"] == "Zoom audit of acme: 1 critical setting got worse"
    assert mail["From"] == "auditor@example.com"
    text = mail.get_body(("plain", "html"))
    assert text is not None
    assert text.get_content_type() == "text/plain"
    assert text.get_content().splitlines() == MESSAGE.body.text.splitlines()


def test_mail_as_html_keeps_names_escaped() -> None:
    with mail_server() as box:
        url = f"mailto://{box.host}?from=auditor@example.com&to=ops@example.com&format=html"
        assert sent_to(url).sent
    page = box.messages[0].get_body(("html",))
    assert page is not None
    assert "<b>Legal" not in page.get_content()
    assert "http" not in page.get_content().replace("http-equiv", "").replace("w3.org", "")


@pytest.mark.filterwarnings("ignore:Requiring AUTH")  # the server is for nothing else
def test_a_mail_server_that_asks_for_a_password_gets_it() -> None:
    with mail_server(SECRET) as box:
        base = f"{box.host}?from=auditor@example.com&to=ops@example.com&user=auditor"
        assert sent_to(f"mailto://auditor:{SECRET}@{base}").sent
        wrong = sent_to(f"mailto://auditor:{SECRET}x@{base}")
    assert len(box.envelopes) == 1
    assert not wrong.sent
    assert SECRET not in wrong.reason
    assert wrong.reason.startswith("The mail server answered with 535. Check the address")


def test_a_service_that_fails_once_is_tried_again() -> None:
    with webhook(503, 200) as hook:
        assert sent_to(f"json://{hook.host}/{SECRET}").sent
    assert len(hook.seen) == 2


def test_a_service_that_keeps_failing_is_tried_three_times_and_reported() -> None:
    with webhook(500) as hook:
        delivery = sent_to(f"json://{hook.host}/{SECRET}")
    assert len(hook.seen) == 3
    assert delivery == Delivery("ops", "json://127.0.0.1", False, "It answered with HTTP 500.")


def test_a_redirect_is_not_followed() -> None:
    with webhook(302) as hook:
        delivery = sent_to(f"json://{hook.host}/{SECRET}")
    assert delivery.reason == "It answered with HTTP 302."
    assert set(hook.paths) == {f"/{SECRET}"}


@pytest.mark.parametrize("scheme", ["json", "mailto"])
def test_a_service_that_is_not_there_is_reported(scheme: str) -> None:
    query = "?from=a@example.com&to=b@example.com" if scheme == "mailto" else ""
    delivery = sent_to(f"{scheme}://127.0.0.1:{closed_port()}/{query}")
    assert delivery.reason == "The connection was refused."


def test_a_slow_service_is_abandoned_in_time() -> None:
    with webhook(delay=2 * PATIENCE) as hook:
        begun = time.monotonic()
        delivery = sent_to(f"json://{hook.host}/{SECRET}", limits=replace(QUICK, answer=0.2))
        assert time.monotonic() - begun < PATIENCE
    assert delivery.reason == "It did not answer in time."


def test_no_service_takes_longer_than_all_tries_may() -> None:
    with webhook(delay=2 * PATIENCE) as hook:
        begun = time.monotonic()
        delivery = sent_to(f"json://{hook.host}/x?rto=60", limits=replace(QUICK, whole=0.5))
        assert time.monotonic() - begun < PATIENCE
    assert delivery.reason == "No answer within 0.5 seconds. The message may still arrive."


def test_a_failing_channel_keeps_no_other_from_its_message() -> None:
    with webhook() as hook, mail_server() as box:
        found = deliver(
            [
                Channel("gone", f"json://127.0.0.1:{closed_port()}"),
                Channel("none", "nonsense"),
                Channel("hook", f"json://{hook.host}"),
                Channel("mail", f"mailto://{box.host}?from=a@example.com&to=b@example.com"),
            ],
            MESSAGE,
            QUICK,
        )
    assert [(each.channel, each.sent) for each in found] == [
        ("gone", False),
        ("none", False),
        ("hook", True),
        ("mail", True),
    ]
    assert len(hook.seen) == len(box.envelopes) == 1


def test_code_of_a_service_that_breaks_down_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise RuntimeError(SECRET)

    monkeypatch.setattr("auditor.notify.sending._send", broken)
    assert sent_to("json://127.0.0.1").reason == "The service's code failed (RuntimeError)."


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "not a channel address"),
        (SECRET, "not a channel address"),
        (f"slak://{SECRET}", "Did you mean slack://?"),
        (f"slack://{SECRET}", "does not accept this form of a slack:// address"),
        (f"https://example.com/{SECRET}", "write jsons:// instead of https://"),
        (f"json://example.com/{SECRET}", "Use jsons:// instead."),
        (f"json://[2001:db8::1]/{SECRET}", "Use jsons:// instead."),
        (f"mailto://user:{SECRET}@mail.example.com", "Use mailtos:// instead."),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(
    url: str, expected: str
) -> None:
    with pytest.raises(NotifyError) as refused:
        check([Channel("ops", url)])
    assert expected in str(refused.value)
    assert SECRET not in str(refused.value)
    assert refused.value.__context__ is None or SECRET not in repr(refused.value.__context__)


@pytest.mark.parametrize(
    "url",
    [
        "json://localhost:8080/x",
        "json://[::1]:8080/x",
        f"mailto://user:{SECRET}@gmail.com",
        f"mailtos://user:{SECRET}@example.com?smtp=mail.example.com&from=a@example.com&to=b@example.com",
        "mailto://relay.example.com?from=auditor@example.com&to=ops@example.com",
        "jsons://example.com/path",
        f"https://prod-12.westeurope.logic.azure.com:443/workflows/643e69f83c8944438d68119179a10a64"
        f"/triggers/manual/paths/invoke?api-version=2016-06-01&sig={SECRET}",
        "https://default0123456789.ab.environment.api.powerplatform.com:443/powerautomate"
        "/automations/direct/workflows/643e69f83c8944438d68119179a10a64/triggers/manual/paths"
        f"/invoke?api-version=1&sig={SECRET}",
        "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#zoom",
        "pagerduty://R00KEY@A00KEY?action=map&dedup=zoom-audit",
        "workflows://prod-1.westeurope.logic.azure.com:443/643e69f83c8944438d68119179a10a64/sig",
    ],
)
def test_addresses_of_the_documentation_are_taken(url: str) -> None:
    check([Channel("ops", url)])


def test_apprise_writes_nothing_to_any_log() -> None:
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.name)

    root, ear = logging.getLogger(), Ear(level=1)
    before = root.level
    root.addHandler(ear)
    root.setLevel(1)
    try:
        with webhook(500) as hook:
            sent_to(f"json://user:{SECRET}@{hook.host}/{SECRET}?key={SECRET}")
        logging.getLogger("other").debug("the ear hears")
    finally:
        root.removeHandler(ear)
        root.setLevel(before)
    assert "other" in heard
    assert "apprise" not in heard


def test_slack_gets_no_mention_out_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.slack import NotifySlack

    hostile = "<!channel> <@U024BE7LH> @here <at>Kim</at> [x](https://evil.example)"
    message = compose(news(change(scope=group(hostile))))
    with webhook() as hook:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"http://{hook.host}/services")
        sent_to("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#zoom", message)
    [body] = [body.decode() for _, _, body in hook.seen]
    assert json.loads(body)["attachments"][0]["text"].startswith("*Worse since")
    for mark in ("<!", "<@", "<at", "@here", "https://evil"):
        assert mark not in body


def test_pagerduty_opens_an_incident_and_recovery_resolves_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from apprise.plugins import pagerduty

    with webhook() as hook:
        lookup = dict.fromkeys(pagerduty.PAGERDUTY_API_LOOKUP, f"http://{hook.host}/v2/enqueue")
        monkeypatch.setattr(pagerduty, "PAGERDUTY_API_LOOKUP", lookup)
        for made in (news(change()), news(change(ChangeKind.IMPROVED))):
            url = "pagerduty://R00KEY@A00KEY?action=map&dedup=zoom-audit"
            assert sent_to(url, compose(made)).sent
    opened, closed = hook.documents
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"] == "zoom-audit"
    assert opened["payload"]["severity"] == "critical"


def test_a_service_that_takes_little_gets_the_brief_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from apprise.plugins import pagerduty

    long = compose(news(*(change(scope=group(), control=f"RC-{n:02}") for n in range(20))))
    with webhook() as hook:
        lookup = dict.fromkeys(pagerduty.PAGERDUTY_API_LOOKUP, f"http://{hook.host}/v2/enqueue")
        monkeypatch.setattr(pagerduty, "PAGERDUTY_API_LOOKUP", lookup)
        assert sent_to("pagerduty://R00KEY@A00KEY", long).sent
        assert sent_to(f"json://{hook.host}", long).sent
    brief, whole = hook.documents
    assert len(brief["payload"]["summary"]) <= 1024
    assert brief["payload"]["summary"].endswith(long.brief.text)
    assert whole["message"] == long.body.text


def test_a_message_of_each_tone_can_be_sent() -> None:
    with webhook() as hook:
        for urgency in Urgency:
            assert sent_to(f"json://{hook.host}", replace(MESSAGE, urgency=urgency)).sent
    assert [each["type"] for each in hook.documents] == list(Urgency)


def test_a_message_loads_no_picture_from_elsewhere() -> None:
    with mail_server() as box:
        sent_to(f"mailto://{box.host}?from=a@example.com&to=b@example.com&format=html")
    assert "<img" not in box.messages[0].as_string()


def test_all_schemes_of_the_documentation_are_known() -> None:
    assert {"mailto", "mailtos", "slack", "workflows", "pagerduty", "jsons"} <= set(schemes())


def test_without_apprise_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    assert sent_to("json://127.0.0.1").reason == (
        "Notifications need the library Apprise. Install the auditor "
        "with its extra [notify] (docs/operations/installing.md)."
    )


def test_news_are_reported_to_all_channels() -> None:
    with webhook() as hook:
        channels = [Channel("a", f"json://{hook.host}/a"), Channel("b", f"json://{hook.host}/b")]
        found = notify(channels, news(change()), limits=QUICK)
    assert [each.sent for each in found] == [True, True]
    assert sorted(hook.paths) == ["/a", "/b"]


@pytest.mark.parametrize(
    ("made", "triggers", "messages"),
    [
        (news(), {Trigger.REGRESSIONS}, 0),
        (news(), {Trigger.ALWAYS}, 1),
        (news(change()), {Trigger.RECOVERY}, 0),
        (news(change()), {Trigger.REGRESSIONS}, 1),
    ],
)
def test_nothing_is_sent_without_an_occasion(
    made: RunEvent, triggers: set[Trigger], messages: int
) -> None:
    with webhook() as hook:
        found = notify([Channel("a", f"json://{hook.host}")], made, triggers, limits=QUICK)
    assert len(found) == len(hook.seen) == messages


def test_nobody_to_tell_is_nothing_to_do() -> None:
    assert notify([], news(change())) == []


@pytest.mark.parametrize("drip", ["header bytes", "body bytes"])
def test_a_service_that_drips_holds_nobody(drip: str) -> None:
    limits = RetryLimits(tries=1, pause=0.01, answer=0.5, whole=1.0)
    with dripping(*DRIPS[drip]) as host:
        begun = time.monotonic()
        [delivery] = deliver([Channel("ops", f"json://{host}/")], MESSAGE, limits)
        assert time.monotonic() - begun < PATIENCE
    assert not delivery.sent


def test_no_login_of_the_home_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login ada password hunter2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NETRC", raising=False)
    with webhook() as hook:
        [delivery] = deliver([Channel("ops", f"json://{hook.host}/")], MESSAGE)
    assert delivery.sent
    assert hook.logins == [""]
