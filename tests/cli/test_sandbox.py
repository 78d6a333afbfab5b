"""`auditor sandbox`: which faults `--fault` switches on, and how much is counted."""

from dataclasses import fields
from typing import Any

import pytest

from auditor.sandbox import Conduct, Faults
from tests.cli.commands import output_text, ran

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Conduct]:
    """How the sandbox is served, each time; nothing is bound."""
    found: list[Conduct] = []

    def run(world: Any, host: str, port: int, conduct: Conduct, on_ready: Any) -> None:
        found.append(conduct)

    monkeypatch.setattr("auditor.sandbox.run", run)
    return found


@pytest.mark.parametrize(
    ("words", "faults"),
    [
        ((), Faults()),
        (
            ("errors_5xx=0.05", "duplicate_users=true"),
            Faults(errors_5xx=0.05, duplicate_users=True),
        ),
        (("clock_skew=-90", "token_life=5"), Faults(clock_skew=-90.0, token_life=5)),
        (("retry_after=http_date",), Faults(retry_after="http_date")),
        (("seed = 4", "page_token_loops=false"), Faults(seed=4)),
        (("slow=0.1", "slow=0.2"), Faults(slow=0.2)),
    ],
)
def test_faults_are_switched_on_by_name(
    served: list[Conduct], words: tuple[str, ...], faults: Faults
) -> None:
    options = [option for word in words for option in ("--fault", word)]
    assert ran("sandbox", *options).exit_code == 0
    assert [conduct.faults for conduct in served] == [faults]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("error_5xx=1", 'There is no fault "error_5xx". Did you mean "errors_5xx"? There are '),
        ("zzz=1", 'There is no fault "zzz". There are clock_skew, contested_writes,'),
        ("errors_5xx", "--fault errors_5xx needs a value: errors_5xx=0.05."),
        ("errors_5xx=often", '--fault errors_5xx takes a number, such as errors_5xx=0.05; got "of'),
        ("duplicate_users=1", "takes true or false, such as duplicate_users=true;"),
        ("deleted_users=1.5", "takes a whole number, such as deleted_users=3;"),
        ("daily_limit=", "takes a whole number, such as daily_limit=3;"),
        ("retry_after=soon", "takes one of seconds, http_date, iso, such as retry_after=seconds;"),
        ("html_200=7", "html_200 is a share from 0 to 1; got 7.0."),
    ],
)
def test_a_fault_that_cannot_be_switched_on_is_told(
    served: list[Conduct], word: str, message: str
) -> None:
    result = ran("sandbox", "--fault", word)
    assert result.exit_code == 2
    assert message in output_text(result)
    assert served == []


def test_help_names_every_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    shown = output_text(ran("sandbox", "--help")).replace(",", " ").replace(".", " ").split()
    assert {field.name for field in fields(Faults)} <= set(shown)


def test_help_has_an_example_of_a_fault() -> None:
    assert "--fault errors_5xx=0.05 --fault duplicate_users=true" in output_text(
        ran("sandbox", "--help")
    )


@pytest.mark.parametrize(("users", "counted"), [(5000, True), (5001, False)])
def test_requests_are_not_counted_by_user_in_a_large_account(
    served: list[Conduct], users: int, counted: bool
) -> None:
    ran("sandbox", "--users", users)
    assert [conduct.count_scopes for conduct in served] == [counted]
