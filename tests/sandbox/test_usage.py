from datetime import UTC, datetime, timedelta

import pytest

from tests.sandbox.conftest import Client, Clock, Start


def month(client: Client) -> dict[str, str]:
    today = datetime.fromtimestamp(client.sandbox.service.conduct.clock(), UTC).date()
    return {"from": str(today - timedelta(days=29)), "to": str(today)}


@pytest.mark.parametrize(("scenario", "meetings"), [("clean", 0), ("drifted", 4)])
@pytest.mark.parametrize("feature", ["meeting_summary", "meeting_questions"])
def test_past_meetings_show_ai_only_where_it_was_used(
    start: Start, scenario: str, meetings: int, feature: str
) -> None:
    client = start(scenario=scenario)
    rows = client.json("/report/history_meetings", meeting_feature=feature, **month(client))
    assert len(rows["history_meetings"]) == meetings


def test_past_meetings_can_be_narrowed_to_a_group(start: Start) -> None:
    client = start(users=60)
    everything = client.json("/report/history_meetings", **month(client))["history_meetings"]
    name = next(row["group"][0] for row in everything if row["group"])
    groups = {row["name"]: row["id"] for row in client.all("/groups", "groups")}
    some = client.json("/report/history_meetings", group_id=groups[name], **month(client))
    assert 0 < len(some["history_meetings"]) < len(everything)


def test_summaries_are_refused_where_the_account_has_them_off(start: Start) -> None:
    answer = start().get("/meetings/meeting_summaries")
    assert (answer.status_code, answer.json()["code"]) == (400, 3000)


def test_summaries_name_their_host(start: Start) -> None:
    client = start(scenario="drifted")
    rows = client.json("/meetings/meeting_summaries")["summaries"]
    hosts = [client.json(f"/users/{row['meeting_host_id']}")["email"] for row in rows]
    assert hosts == [row["meeting_host_email"] for row in rows]
    assert len(rows) == 4


def test_logs_tell_who_changed_a_setting(start: Start) -> None:
    client = start(scenario="drifted")
    rows = client.json("/report/operationlogs", **month(client))["operation_logs"]
    details = [row["operation_detail"] for row in rows]
    assert "Edit Group Studio  - Local recording: from Off to On" in details
    assert all(row["operator"].endswith("@example.com") for row in rows)


def test_logs_can_be_narrowed_to_a_category_and_to_days(start: Start) -> None:
    client = start(scenario="drifted")
    window = month(client)
    account = client.json("/report/operationlogs", category_type="account", **window)
    assert {row["category_type"] for row in account["operation_logs"]} == {"Account"}
    today = {"from": window["to"], "to": window["to"]}
    assert client.json("/report/operationlogs", **today)["operation_logs"] == []


def test_log_entries_keep_their_dates_when_a_new_day_begins(start: Start, clock: Clock) -> None:
    client = start(scenario="drifted", clock=clock)
    before = client.json("/report/operationlogs", **month(client))["operation_logs"]
    clock.now += 86_400
    client.sign_in()
    assert client.json("/report/operationlogs", **month(client))["operation_logs"] == before


def test_logs_reach_back_six_months(start: Start) -> None:
    answer = start().get("/report/operationlogs", **{"from": "2020-01-01", "to": "2020-01-05"})
    assert "6 months" in answer.json()["message"]


def test_apps_that_take_media_are_installed_only_where_settings_drifted(start: Start) -> None:
    def developers(client: Client, kind: str) -> list[str]:
        return [
            row["app_developer_type"] for row in client.json("/marketplace/apps", type=kind)["apps"]
        ]

    clean, drifted = start(), start(scenario="drifted")
    assert developers(clean, "account_added") == ["ZOOM"]
    assert developers(drifted, "account_added") == ["ZOOM", "THIRD_PARTY"]
    assert developers(drifted, "account_created") == ["INTERNAL", "INTERNAL"]
    assert developers(clean, "public") == []


@pytest.mark.parametrize(("scenario", "notice"), [("clean", "agree"), ("drifted", "no disclaimer")])
def test_participants_show_how_they_answered_the_notice(
    start: Start, scenario: str, notice: str
) -> None:
    rows = start(scenario=scenario).json("/metrics/meetings/1/participants")["participants"]
    assert rows[-1]["aic_disclaimer"] == notice


def test_nobody_has_webinars(start: Start) -> None:
    client = start()
    user = client.json("/users")["users"][0]["id"]
    answer = client.get(f"/users/{user}/webinars")
    assert (answer.status_code, answer.json()["code"]) == (400, 200)
    assert "plan is missing" in answer.json()["message"]
    assert client.get("/webinars/1").json()["code"] == 3001
