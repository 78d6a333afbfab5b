"""Recorded error bodies mean what they say."""

import pytest

from auditor.zoom.auth import Credentials, TokenSource
from auditor.zoom.client import ZoomClient
from auditor.zoom.endpoints import USER_SETTINGS
from auditor.zoom.errors import (
    Denied,
    NotFound,
    PageTokenExpired,
    RateLimited,
    Rejected,
    ZoomError,
)
from auditor.zoom.limits import RateLimiter, RatePlan
from auditor.zoom.retry import RetryPolicy
from auditor.zoom.transport import Transport
from tests.end_to_end import other_zoom
from tests.end_to_end.other_zoom import Json, OtherZoom
from tests.real_input.conftest import Read, folder

pytestmark = pytest.mark.real_input

BODIES: list[tuple[str, int, type[ZoomError]]] = [
    ("error_429_concurrent--zoom-skills", 429, RateLimited),
    ("error_429_daily--zoom-skills", 429, RateLimited),
    ("error_429_qps--zoom-skills", 429, RateLimited),
    ("error_admin_cannot_activated--zoom_rb", 400, Rejected),
    ("error_group_does_not_exist--zoom_rb", 404, NotFound),
    ("error_group_not_belong_to_account--zoom_rb", 400, NotFound),
    ("error_group_not_exist--zoom_rb", 404, NotFound),
    ("error_meeting_not_exist--zoom_rb", 400, Rejected),
    ("error_next_page_token_invalid_code300--zoom_rb", 400, PageTokenExpired),
    ("error_not_found--zoom_rb", 400, NotFound),
    ("error_not_found_administrator--zoom_rb", 400, Rejected),
    ("error_unauthorized_code200--zoom_rb", 400, Denied),
    ("error_user_not_exist--zoom_rb", 404, NotFound),
    ("error_validation_code300--zoom_rb", 400, Rejected),
]


class Failing(OtherZoom):
    """Gives one answer to everything."""

    reply: tuple[int, Json] = (500, {})

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Json]:
        return self.reply


def error_of(status: int, body: Json) -> ZoomError:
    """The error that an answer becomes, over HTTP and without waiting."""
    account = Failing()
    account.reply = (status, body)
    with other_zoom.serve(account):
        transport = Transport()
        credentials = Credentials(account.account_id, account.client_id, account.client_secret)
        client = ZoomClient(
            account.api_url,
            TokenSource(credentials, transport, token_url=account.oauth_url),
            transport,
            RateLimiter(RatePlan.BUSINESS.limits, max_rate=1000, sleep=lambda _: None),
            retries=RetryPolicy(attempts=1),
        )
        with client, pytest.raises(ZoomError) as raised:
            client.get(USER_SETTINGS, ids={"userId": "u"})
    return raised.value


@pytest.mark.parametrize(("name", "status", "kind"), BODIES)
def test_a_recorded_error_becomes_its_class(
    payload: Read, name: str, status: int, kind: type[ZoomError]
) -> None:
    error = error_of(status, payload(name))
    assert type(error) is kind
    assert str(error).endswith(".")


@pytest.mark.parametrize(("name", "_status", "kind"), BODIES)
def test_an_error_that_comes_with_status_200_is_no_document(
    payload: Read, name: str, _status: int, kind: type[ZoomError]
) -> None:
    assert isinstance(error_of(200, payload(name)), kind)


def test_only_the_daily_limit_ends_the_day(payload: Read) -> None:
    daily = {
        name: getattr(error_of(429, payload(name)), "daily", None)
        for name, status, _ in BODIES
        if status == 429
    }
    assert daily == {name: "daily" in name for name in daily}


def test_every_recorded_error_is_looked_at(payload: Read) -> None:
    recorded = {path.stem for path in folder("payloads").glob("error_*.json")}
    assert recorded == {name for name, _, _ in BODIES}
