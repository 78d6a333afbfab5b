"""The roll-up of a fleet as one page for people, without network and scripts."""

import base64
import hashlib
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from auditor.findings.model import Severity
from auditor.fleet import wording
from auditor.fleet.rollup import FleetSummary
from auditor.report.display import shorten

LONGEST = 400
"""Columns of a text in the page."""


def as_html(fleet: FleetSummary, links: Mapping[str, str]) -> str:
    """The page. `links` has the address of an account's own report, by name."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("auditor.fleet"), PackageLoader("auditor.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["plain"] = lambda text: shorten(text, LONGEST)
    sheets = ("report.css", "fleet.css")
    style = "".join(environment.get_template(sheet).render() for sheet in sheets)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    accounts = fleet.accounts
    return environment.get_template("fleet.html.j2").render(
        csp=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        fleet=fleet,
        head=list(wording.head(fleet)),
        severities=list(Severity),
        links={account.name: links.get(account.name, "") for account in accounts},
        commands={account.name: wording.command(account) for account in accounts},
        verdicts={account.name: wording.verdict(account) for account in accounts},
        changes={account.name: wording.changes(account) for account in accounts},
        ages={
            account.name: wording.age(account.age(fleet.at) or timedelta())
            if account.facts
            else "-"
            for account in accounts
        },
    )


def links_to(folder: Path | None, fleet: FleetSummary, page: Path) -> dict[str, str]:
    """The reports of accounts in a folder, relative to the page."""
    if folder is None:
        return {}
    found = {}
    for account in fleet.accounts:
        file = folder / f"{account.name}.html"
        if file.is_file():
            found[account.name] = quote(os.path.relpath(file, page.parent).replace(os.sep, "/"))
    return found
