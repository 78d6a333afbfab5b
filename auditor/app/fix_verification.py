"""A plan compared with the account as it is now, by the app that reads. Nothing is changed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from auditor.app.connection import AccountSource, RateOptions
from auditor.config.settings import Settings
from auditor.errors import ExitCode
from auditor.evidence.json_values import equal
from auditor.evidence.reading import JsonValue, Unseen
from auditor.evidence.scope import Level
from auditor.evidence.timestamps import format_rfc3339
from auditor.fix import requests
from auditor.fix.model import FixPlan, PlanInvalid, PlanStep
from auditor.fix.results import FixResult, ResultRow
from auditor.fix.titles import title_of_step
from auditor.plain_text import printable
from auditor.zoom import endpoints
from auditor.zoom.client import ZoomClient
from auditor.zoom.endpoints import Endpoint
from auditor.zoom.errors import AuthenticationFailed, RateLimited, Unreachable, ZoomError

_ENDPOINTS: Mapping[tuple[str, Level], tuple[Endpoint, str]] = {
    ("value", Level.ACCOUNT): (endpoints.ACCOUNT_SETTINGS, ""),
    ("lock", Level.ACCOUNT): (endpoints.ACCOUNT_LOCK_SETTINGS, ""),
    ("value", Level.GROUP): (endpoints.GROUP_SETTINGS, "groupId"),
    ("lock", Level.GROUP): (endpoints.GROUP_LOCK_SETTINGS, "groupId"),
    ("value", Level.USER): (endpoints.USER_SETTINGS, "userId"),
}
"""The document of a step, and the placeholder in its path."""

Key = tuple[str, str, str, str]
"""Kind, level, scope id and view of a document."""


class StepProgress(Protocol):
    """Shows how far the work is."""

    def step_began(self, label: str) -> None:
        """A step begins."""

    def step_ended(self, label: str, outcome: str) -> None:
        """A step has its outcome."""


@dataclass
class _Documents:
    """The documents of the account, each read once."""

    client: ZoomClient
    known: dict[Key, dict[str, JsonValue] | ZoomError] = field(default_factory=dict)

    def of(self, step: PlanStep) -> dict[str, JsonValue] | ZoomError:
        option = requests.view(step.kind, step.setting).option
        key = step.kind, step.scope.level, step.scope.id, option
        if key not in self.known:
            endpoint, placeholder = _ENDPOINTS[step.kind, step.level]
            ids = {placeholder: step.scope.id} if placeholder else {}
            params = {"option": option} if option else {}
            try:
                self.known[key] = self.client.get(endpoint, ids=ids, params=params)
            except ZoomError as error:
                if _ends_everything(error):
                    raise
                self.known[key] = error
        return self.known[key]


def verify(
    settings: Settings,
    plan: FixPlan,
    progress: StepProgress,
    rate: RateOptions,
    sleep: Callable[[float], object] = time.sleep,
) -> FixResult:
    """Read the value of every step again, also of those that a person does.

    Raises:
        ConfigError: credentials or addresses are missing or invalid.
        PlanInvalid: the credentials are of another account.
        ZoomError: nothing can be read.
    """
    started = datetime.now(UTC)
    rows = []
    with AccountSource(settings).opened() as account:
        if account.credentials.account_id != plan.account_id:
            raise PlanInvalid([f"The plan is for account {printable(plan.account_id)}."])
        with account.connect(rate, sleep) as client:
            documents = _Documents(client)
            for step in plan.steps:
                label = f"step {step.id}: {step.setting}"
                progress.step_began(label)
                row = _compared(step, documents.of(step))
                progress.step_ended(label, row.outcome)
                rows.append(row)
    return FixResult(
        work="verify",
        account_id=plan.account_id,
        run=plan.run,
        journal="",
        started_at=format_rfc3339(started),
        finished_at=format_rfc3339(datetime.now(UTC)),
        rows=rows,
        exit_code=_exit_code({row.outcome for row in rows}),
    )


def _compared(step: PlanStep, document: dict[str, JsonValue] | ZoomError) -> ResultRow:
    found: JsonValue | Unseen = None
    if isinstance(document, ZoomError):
        outcome, detail = "unread", str(document)
    else:
        found = requests.value_in(step.kind, step.setting, document)
        if isinstance(found, Unseen):
            outcome, detail = "unread", "Zoom does not return this setting."
        elif equal(found, step.to):
            outcome, detail = "done", ""
        elif equal(found, step.from_):
            outcome, detail = "not done", ""
        else:
            outcome, detail = "changed since", "By somebody else: it is neither as the plan found "
            detail += "it nor as it should be."
    return ResultRow(
        step=step.id,
        kind=step.kind,
        level=step.scope.level,
        scope_id=step.scope.id,
        scope_name=step.scope.name,
        setting=step.setting,
        before=step.from_,
        to=step.to,
        outcome=outcome,
        detail=detail,
        observed=None if isinstance(found, Unseen) else found,
        manual=step.manual.place if step.manual else "",
        controls=step.controls,
        title=title_of_step(step),
    )


def _exit_code(outcomes: set[str]) -> ExitCode:
    if outcomes & {"not done", "changed since"}:
        return ExitCode.DEVIATIONS
    return ExitCode.INCOMPLETE if "unread" in outcomes else ExitCode.OK


def _ends_everything(error: ZoomError) -> bool:
    return isinstance(error, AuthenticationFailed | Unreachable) or (
        isinstance(error, RateLimited) and error.daily
    )
