"""A folder to work in, a data directory of its own, and accounts to look at."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli.accounts import Account
from tests.end_to_end.conftest import Auditor, served


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory, beside the folder the command runs in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("AUDITOR_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path / "data"


@pytest.fixture(scope="session")
def first_nights(tmp_path_factory: pytest.TempPathFactory) -> Mapping[bool, Path]:
    """Data directories with one night of a clean account, by whether summaries were on."""
    made = {}
    for summaries in (False, True):
        with served("clean", users=2, groups=1) as sandbox:
            auditor = Auditor(tmp_path_factory.mktemp("first-night"), sandbox)
            account = Account(sandbox, auditor)
            if summaries:
                account.summaries(True)
            account.night()
            made[summaries] = auditor.data
    return made


@pytest.fixture
def account(tmp_path: Path, first_nights: Mapping[bool, Path]) -> Iterator[Account]:
    """An account without deviations, of which nothing is stored."""
    with served("clean", users=2, groups=1) as sandbox:
        yield Account(sandbox, Auditor(tmp_path, sandbox), first_nights)


@pytest.fixture
def red(account: Account) -> Account:
    """An account whose newest run has a deviation: its gate is shut."""
    account.first_night(summaries=True)
    return account
