"""One root for all errors of the program, each with the exit code that contract 2.4 gives it."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest

import auditor
from auditor.app.audit import NothingSelected
from auditor.app.compare import NotComparable
from auditor.app.signed_runs import SignatureError
from auditor.config import ConfigError
from auditor.errors import AuditorError, ExitCode
from auditor.evidence.errors import DiskFull, EvidenceAltered, SnapshotError
from auditor.files.permissions import InsecureDirectory
from auditor.files.trusted import Untrusted
from auditor.notify.channels import NotifyError
from auditor.policy.catalogue.errors import BaselineNotFound, PolicyError
from auditor.report import FormatError, UnknownFormat
from auditor.secrets.backends import KeyringUnavailable
from auditor.secrets.keys import KeyUnavailable
from auditor.store.errors import (
    AlreadyRunning,
    HistoryDamaged,
    HistoryLocked,
    HistoryUnfit,
    HistoryUnreachable,
    RunAltered,
    RunNotFound,
    RunUnfit,
    StoreError,
)
from auditor.zoom.bounded_http import WriteMethodBlocked
from auditor.zoom.errors import Denied, Unreachable, ZoomError
from auditor.zoom.hosts import UnsafeUrl

OUTSIDE = ("auditor.sandbox", "auditor.__main__", "auditor.store.migrations")
"""The sandbox imports nothing of the program; the others run something when they are imported."""


def exceptions() -> Iterator[type[BaseException]]:
    """Every exception class that a module of the program defines."""
    for module in pkgutil.walk_packages(auditor.__path__, "auditor."):
        if not module.name.startswith(OUTSIDE):
            found = vars(importlib.import_module(module.name)).values()
            yield from (
                each
                for each in found
                if inspect.isclass(each)
                and issubclass(each, BaseException)
                and each.__module__ == module.name
            )


def test_every_error_of_the_program_has_one_root() -> None:
    public = [each for each in exceptions() if not each.__name__.startswith("_")]
    assert len(public) > 40
    assert [each for each in public if not issubclass(each, AuditorError)] == []


def test_a_private_error_is_caught_where_it_is_defined() -> None:
    private = [each for each in exceptions() if each.__name__.startswith("_")]
    assert private
    for each in private:
        source = inspect.getsource(importlib.import_module(each.__module__))
        assert re.search(rf"except\b[^:]*\b{each.__name__}\b", source), each


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        (
            ExitCode.USAGE,
            [
                *(ConfigError, KeyringUnavailable, KeyUnavailable, InsecureDirectory, UnsafeUrl),
                *(PolicyError, BaselineNotFound, FormatError, UnknownFormat, NotifyError),
                *(SnapshotError, EvidenceAltered, SignatureError),
                *(StoreError, RunNotFound, RunUnfit, NotComparable),
            ],
        ),
        (
            ExitCode.NOTHING_EVALUATED,
            [
                *(ZoomError, Denied, Unreachable, NothingSelected, AlreadyRunning, DiskFull),
                *(HistoryDamaged, HistoryLocked, HistoryUnfit, HistoryUnreachable, RunAltered),
            ],
        ),
        (ExitCode.INTERNAL, [AuditorError, WriteMethodBlocked, Untrusted]),
    ],
)
def test_an_error_that_nothing_handles_ends_the_program_with_its_code(
    code: ExitCode, kinds: list[type[AuditorError]]
) -> None:
    assert {kind.__name__: kind.exit_code for kind in kinds} == {
        kind.__name__: code for kind in kinds
    }


def test_the_message_says_what_happened_and_what_to_do_and_advice_is_the_latter() -> None:
    error = AlreadyRunning("acc")
    assert error.advice == "Wait until it has finished, or stop it."
    assert str(error).endswith(f"is reading account acc. {error.advice}")
    assert (str(AuditorError("It broke.")), AuditorError("It broke.").advice) == ("It broke.", "")
