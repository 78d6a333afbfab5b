"""Reads the steps of a plan that a person changed.

Of each step only the change itself counts: kind, scope, setting and `to`. Everything else is worked
out anew, so it may be wrong or missing.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auditor.errors import nearest
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.snapshot import Snapshot
from auditor.evidence.view import View
from auditor.fix import documents, model
from auditor.fix.documents import Absent
from auditor.fix.model import PlanInvalid, PlanSelection, SettingPath, StepScope
from auditor.fix.planner import scope_of
from auditor.fix.steps import DraftStep, StepPlayer
from auditor.plain_text import printable
from auditor.policy.catalogue import documented, writable
from auditor.policy.catalogue.values import json_type


class _DraftScope(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    level: Literal["account", "group", "user"]
    id: Annotated[str, Field(min_length=1, max_length=256)]
    name: Any = None


class _Draft(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Any = None
    kind: Literal["value", "lock"]
    scope: _DraftScope
    setting: SettingPath
    from_: Annotated[Any, Field(alias="from")] = None
    to: JsonValue
    request: Any = None
    manual: Any = None
    controls: Any = None
    resolves: Any = None
    affects: Any = None
    after: Any = None
    title: Any = None
    requires: Any = None
    loses: Any = None
    notices: Any = None


class ChangedPlan(BaseModel):
    """The parts of a changed plan that count."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    run: Annotated[str, Field(min_length=1, max_length=256)]
    account_id: str
    evidence_digest: str
    steps: tuple[_Draft, ...]
    selection: PlanSelection = PlanSelection()


def parse(text: str, name: str) -> ChangedPlan:
    """The changed plan in `text`; errors show `name`.

    Raises:
        PlanInvalid: it is not a plan of this version, or two steps make the same change.
    """
    data = model.parse_json(text, name)
    model.check_versions(data, name)
    if unknown := [key for key in data if key not in _KEYS]:
        hint = nearest(unknown[0], _KEYS)
        raise PlanInvalid([f'{name}: unknown key "{printable(unknown[0])}".{hint}'])
    try:
        return ChangedPlan.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise PlanInvalid(model.described(error, data, ChangedPlan, name)) from error


_KEYS = frozenset(field.alias or name for name, field in model.FixPlan.model_fields.items())


def drafts(plan: ChangedPlan, snapshot: Snapshot, player: StepPlayer, name: str) -> list[DraftStep]:
    """The steps, each checked against the evidence.

    Raises:
        PlanInvalid: a step names something that the evidence does not have.
    """
    problems: list[str] = []
    found: list[DraftStep] = []
    made: dict[tuple[str, str, str, str], str] = {}
    classes = _classes(plan, player)
    for position, draft in enumerate(plan.steps):
        label = _label(draft, position)
        key = draft.kind, draft.scope.level, draft.scope.id, draft.setting
        if key in made:
            problems.append(f"{name}: {label}: it changes what {made[key]} changes already.")
        made[key] = label
        step, problem = _checked(draft, snapshot, player, classes)
        if step is None:
            problems.append(f"{name}: {label}: {problem}")
        else:
            found.append(step)
    if problems:
        raise PlanInvalid(problems[:20])
    return found


def _label(draft: _Draft, position: int) -> str:
    is_number = isinstance(draft.id, int) and not isinstance(draft.id, bool)
    return f"step {draft.id}" if is_number else f"the step at position {position + 1}"


def _classes(plan: ChangedPlan, player: StepPlayer) -> dict[str, tuple[Scope, int]]:
    """The users whom steps change."""
    named = {draft.scope.id for draft in plan.steps if draft.scope.level == "user"}
    if not named:
        return {}
    people = player.recorded.people()
    return {scope.id: (scope, number) for scope, number in people if scope.id in named}


def _checked(
    draft: _Draft,
    snapshot: Snapshot,
    player: StepPlayer,
    classes: Mapping[str, tuple[Scope, int]],
) -> tuple[DraftStep | None, str]:
    """The step, or what is wrong with it."""
    level = Level(draft.scope.level)
    account = player.recorded.account.scope
    scope: StepScope
    number = None
    if level is Level.ACCOUNT:
        if draft.scope.id != account.id:
            return None, "its scope is another account."
        scope = scope_of(account)
    elif level is Level.GROUP:
        group = player.recorded.groups.get(draft.scope.id)
        if group is None:
            return None, f'the run has no group with the id "{printable(draft.scope.id)}".'
        scope = scope_of(group.scope)
    else:
        if draft.scope.id not in classes:
            return None, f'the run has no user with the id "{printable(draft.scope.id)}".'
        person, number = classes[draft.scope.id]
        scope = scope_of(person)
    if draft.kind == "lock" and level is Level.USER:
        return None, "a user has no locks."
    outcomes = snapshot.evidence_of(Scope(level, scope.id)).outcomes
    view = writable.lock_view(draft.setting)
    if draft.kind == "value":
        view = _view(player, draft.setting)
    value = documents.value_at(outcomes, view, draft.setting)
    noun = "lock" if draft.kind == "lock" else "setting"
    if isinstance(value, Absent):
        known = list(documented.lockable() if draft.kind == "lock" else documented.settings())
        hint = nearest(draft.setting, known)
        return None, f'the {level.noun} has no {noun} "{printable(draft.setting)}".{hint}'
    expected = json_type(True if draft.kind == "lock" else value)
    if value is not None and json_type(draft.to) != expected:
        return None, f'"to" must be {expected}, as Zoom returns it.'
    if draft.kind == "value" and isinstance(value, dict):
        return None, f'"{printable(draft.setting)}" is an object: name one of its settings.'
    return DraftStep(draft.kind, scope, draft.setting, draft.to, number), ""


def _view(player: StepPlayer, path: str) -> View:
    number = player.component_of("value", path)
    if number is not None:
        for setting in player.components[number].settings:
            if path == setting.path or path.startswith(f"{setting.path}."):
                return setting.position[0]
    return writable.view(path)
