"""Recorded and documented responses, served as accounts and audited: no crash, every key known."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end import other_zoom
from tests.end_to_end.conftest import Auditor, Ran
from tests.end_to_end.other_zoom import Json, OtherZoom, view
from tests.real_input.conftest import Read

pytestmark = pytest.mark.real_input

POLICIES = Path(__file__).parents[2] / "policies"
BASELINES = sorted(path.stem for path in (POLICIES / "baselines").glob("*.yaml"))

DOCS, OLD, LIVE = "zoomnet-docs", "zoom_rb", "jupiterone-2021-11-24"
BASIC, OWNER = f"{LIVE}-basicuser", f"{LIVE}-licensedowner"


@dataclass
class Recorded(OtherZoom):
    """An account made of responses on file."""

    documents: dict[str, dict[str, Json]] = field(default_factory=dict)
    """Path to documents by option."""
    listings: dict[str, Json] = field(default_factory=dict)
    """Path to the one page there is."""

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Json]:
        """Answer from the files."""
        if path in self.listings:
            beyond = query.get("status", "active") != "active" or query.get("next_page_token")
            page = dict(self.listings[path])
            if beyond:
                name = next(key for key, value in page.items() if isinstance(value, list))
                page = {name: [], "next_page_token": ""}
            return 200, page
        if path in self.documents:
            return view(self.documents[path], query)
        return 404, {"code": 2300, "message": "This API endpoint is not recognized."}


def views(read: Read, of: str, source: str) -> dict[str, Json]:
    """A user's document, and its option views where they were recorded."""
    found = {"": read(f"{of}_GET--{source}")}
    if source in (BASIC, OWNER):
        for option in ("meeting_authentication", "meeting_security"):
            found[option] = read(f"{of}.option_{option}_GET--{source}")
    return found


def documented(document: Json) -> dict[str, Json]:
    """A documented example, which holds all views at once, as each of its views too."""
    options = ("meeting_authentication", "recording_authentication", "security", "meeting_security")
    return {"": document, **dict.fromkeys(options, document)}


def account(read: Read, name: str) -> Recorded:
    """One of the accounts that can be made of the files."""
    users = read(f"users_GET--{ {'live': LIVE, 'old': OLD, 'documented': DOCS}[name] }")
    groups_of = {"live": "jupiterone-2021-10-28", "old": OLD, "documented": DOCS}[name]
    groups = read(f"groups_GET--{groups_of}")
    source = OLD if name == "old" else DOCS
    documents = {
        "/accounts/me/settings": documented(read(f"accounts_id_settings_GET--{source}")),
        "/accounts/me/lock_settings": documented(read(f"accounts_id_lock_settings_GET--{DOCS}")),
        "/phone/account_settings": {"": read(f"phone_account_settings_GET--{DOCS}")},
    }
    for group in groups["groups"]:
        place = f"/groups/{group['id']}"
        documents[f"{place}/settings"] = documented(read(f"groups_id_settings_GET--{DOCS}"))
        locks = documented(read(f"groups_id_lock_settings_GET--{DOCS}"))
        documents[f"{place}/lock_settings"] = locks
    for user in users["users"]:
        settings = {"old": OLD, "documented": DOCS}.get(name, OWNER if user["type"] == 2 else BASIC)
        served = views(read, "users_id_settings", settings)
        documents[f"/users/{user['id']}/settings"] = (
            served if name == "live" else documented(served[""])
        )
    return Recorded(documents=documents, listings={"/users": users, "/groups": groups})


@dataclass(frozen=True)
class Audited:
    """An account and its audit."""

    account: Recorded
    auditor: Auditor
    ran: Ran


@pytest.fixture(scope="module", params=["live", "old", "documented"])
def audited(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, payload: Read
) -> Iterator[Audited]:
    served = account(payload, request.param)
    with other_zoom.serve(served):
        auditor = Auditor(tmp_path_factory.mktemp(request.param), served)
        yield Audited(served, auditor, auditor.audit("--baseline", "strict", "--format", "json"))


def test_it_is_audited_without_a_crash(audited: Audited) -> None:
    assert audited.ran.code in (0, 3)
    assert audited.ran.err == ""
    summary = audited.ran.report["summary"]
    assert summary["coverage"]["user"] == len(audited.account.listings["/users"]["users"])
    assert summary["coverage"]["group"] == len(audited.account.listings["/groups"]["groups"])
    assert summary["by_status"]["pass"] + summary["by_status"]["fail"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("baseline", BASELINES)
def test_every_baseline_judges_it_in_every_format(audited: Audited, baseline: str) -> None:
    files = [f"{baseline}.{suffix}" for suffix in ("json", "html", "txt")]
    outputs = [word for file in files for word in ("--output", file)]
    ran = audited.auditor("audit", "--from", "latest", "--baseline", baseline, *outputs)
    assert ran.code in (0, 3)
    assert ran.err == ""
    assert all((audited.auditor.folder / file).stat().st_size for file in files)


def test_every_key_is_read_documented_or_reported(audited: Audited) -> None:
    reported = {
        finding["setting"]
        for finding in audited.ran.report["findings"]
        if finding["kind"] == "uncovered"
    }
    lost = {
        f"{path}?{option}: {leaf}"
        for path, by_option in audited.account.documents.items()
        if not path.startswith("/phone")
        for option, document in by_option.items()
        for leaf in set(leaves(document))
        if not is_known(leaf, option, locks="lock_settings" in path) and leaf not in reported
    }
    assert lost == set()


def test_every_reported_new_key_was_really_served(audited: Audited) -> None:
    served = {
        leaf
        for by_option in audited.account.documents.values()
        for document in by_option.values()
        for leaf in leaves(document)
    }
    for finding in audited.ran.report["findings"]:
        if finding["kind"] == "uncovered":
            assert finding["setting"] in served


def leaves(document: Json, path: str = "") -> Iterator[str]:
    """Dotted paths of what is no object; items of lists of objects share `name[]`."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(document, list) and any(isinstance(item, dict) for item in document):
        for item in document:
            yield from leaves(item, f"{path}[]")
    else:
        yield path


@cache
def _documented() -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads((POLICIES / "settings.json").read_text(encoding="utf-8"))
    return found


@cache
def _known(locks: bool) -> frozenset[str]:
    """Paths the catalogue reads or the references document, and every section around the latter."""
    read = set()
    for path in (POLICIES / "controls").glob("*.yaml"):
        for control in yaml.safe_load(path.read_text(encoding="utf-8"))["controls"]:
            for check in control.get("checks", ()):
                if check.get("surface", "settings") == "settings":
                    read.add(check.get("lock") if locks else check["setting"])
                    read.add(check.get("only_when", {}).get("setting"))
                    read.add(check.get("find_key"))
    if locks:
        read |= {path for paths in _documented()["locks"].values() for path in paths}
        settings = [path.replace("[]", "").split(".") for path in _documented()["settings"]]
        read |= {".".join(parts[:n]) for parts in settings for n in range(2, len(parts) + 1)}
    else:
        read |= set(_documented()["settings"])
    return frozenset(path for path in read if path)


def is_known(leaf: str, option: str, locks: bool) -> bool:
    """Whether a leaf, or an object around it, is read or documented; flattened views included."""
    spellings = [leaf, f"{option}.{leaf}", leaf.removeprefix("authentication_options.")]
    for spelling in spellings:
        parts = spelling.split(".")
        for end in range(len(parts), 0, -1):
            prefix = ".".join(parts[:end])
            if {prefix, prefix.replace("[]", ""), f"{prefix}[]"} & _known(locks):
                return True
    return any(part in _known(locks) for part in leaf.split("."))
