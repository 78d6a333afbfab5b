"""What the formats of a roll-up say in words."""

import math
from collections.abc import Iterator
from datetime import timedelta

from auditor.findings.model import Severity
from auditor.fleet.rollup import AccountSummary, FleetSummary, FleetVerdict
from auditor.plain_text import pluralize
from auditor.report.wording import when

_VERDICTS = {
    FleetVerdict.FAILED: "not audited",
    FleetVerdict.DEVIATES: "with deviations",
    FleetVerdict.INCOMPLETE: "read in part only",
    FleetVerdict.MEETS: "as expected",
    FleetVerdict.NEVER: "never audited",
}
_SIMULATED = (
    "SIMULATED: some of this was read from an API on this machine, not from Zoom. It says nothing "
    "about real accounts."
)


def head(fleet: FleetSummary) -> Iterator[str]:
    """The sentences that a roll-up begins with."""
    if any(account.facts and account.facts.simulated for account in fleet.accounts):
        yield _SIMULATED
    tags = f" · tag {', '.join(fleet.tags)}" if fleet.tags else ""
    accounts = pluralize(len(fleet.accounts), "account")
    yield f"Fleet {fleet.name}{tags} · {accounts} · {when(fleet.at)}"
    counts = [f"{count} {_VERDICTS[each]}" for each, count in fleet.by_verdict.items() if count]
    yield f"Accounts: {', '.join(counts)}"
    severities = ", ".join(
        f"{total:,} {severity}"
        for severity in Severity
        if (total := sum(account.deviations(severity) for account in fleet.accounts))
    )
    listed = f" ({severities})" if severities else ""
    yield f"{pluralize(fleet.deviations, 'deviation')}{listed} · {fleet.unknown:,} unknown"


def changes(account: AccountSummary) -> str:
    """What changed since the run before: `2 new deviations, 1 gone`; empty if nothing did."""
    counts = account.counts
    if counts is None or not account.has_earlier:
        return ""
    parts = [
        pluralize(counts.new, "new deviation") if counts.new else "",
        f"{counts.gone:,} gone" if counts.gone else "",
        f"{counts.newly_unknown:,} newly unknown" if counts.newly_unknown else "",
    ]
    text = ", ".join(part for part in parts if part)
    note = " (its policy changed)" if counts.policy_changed else ""
    return text + note if text else ""


def age(span: timedelta) -> str:
    """`40m`, `26h` or `3d`: rounded up, so that nothing looks younger than it is."""
    hours = span / timedelta(hours=1)
    if hours >= 48:
        return f"{math.ceil(hours / 24)}d"
    return f"{math.ceil(hours)}h" if hours >= 1 else f"{max(0, math.ceil(hours * 60))}m"


def command(account: AccountSummary) -> str:
    """The command that renders the report of an account."""
    return f"auditor fleet report --account {account.name}"


def verdict(account: AccountSummary) -> str:
    """What is known of an account, in a word or two."""
    return _WORDS[account.verdict]


_WORDS = {
    FleetVerdict.FAILED: "not audited",
    FleetVerdict.DEVIATES: "deviates",
    FleetVerdict.INCOMPLETE: "incomplete",
    FleetVerdict.MEETS: "as expected",
    FleetVerdict.NEVER: "never audited",
}
