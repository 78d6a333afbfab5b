"""The plan: steps in order, the request of each, and the verdicts that stand afterwards.

A plan is a file that passes through many hands. Reading one is strict: an unknown key, another
type, or a request that does not follow from its step is an error that names the step.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
)
from pydantic_core import ErrorDetails

from auditor import __version__
from auditor.errors import AuditorError, ExitCode, nearest
from auditor.evidence import json_values
from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.timestamps import is_moment, milliseconds
from auditor.fix import requests
from auditor.plain_text import printable

SCHEMA_ID: Final = "auditor/plan/v1"
MAX_BYTES = 64 * 1024 * 1024
_MOST_VALUES = 5_000_000
_DEEPEST = 30
_MOST_PROBLEMS = 20

Count = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(max_length=2000)]
SettingPath = Annotated[str, Field(pattern=r"^[\w\-\[\]]+(\.[\w\-\[\]]+)*$", max_length=300)]


class PlanInvalid(AuditorError):
    """A file is not a plan that this program can use. `str()` lists the problems, one a line."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class StepScope(_Part):
    """The account, group or user that a step changes."""

    level: Literal["account", "group", "user"]
    id: Annotated[str, Field(min_length=1, max_length=256)]
    name: Text


class WriteRequest(_Part):
    """The request of an automatic step: one leaf in its section."""

    method: Literal["PATCH"]
    path: Text
    """Below `/v2`."""
    query: dict[str, str]
    body: dict[str, JsonValue]


class ManualWork(_Part):
    """What a person has to do, and why no request does it."""

    place: Text
    """Where in Zoom's web portal."""
    reason: Text


class StepReach(_Part):
    """Numbers of groups and people whose value or lock a step changes."""

    groups: Count
    users: Count


class RequiredValue(_Part):
    """A value at the scope of a lock step that must be right before the lock is set."""

    setting: SettingPath
    value: JsonValue


class PlanStep(_Part):
    """One change: a value, or a lock, of one scope."""

    id: Annotated[int, Field(ge=1)]
    kind: Literal["value", "lock"]
    scope: StepScope
    setting: SettingPath
    """The path of the setting in its document; of the lock flag for a lock step."""
    from_: Annotated[JsonValue, Field(alias="from")]
    to: JsonValue
    request: WriteRequest | None
    manual: ManualWork | None
    controls: tuple[str, ...]
    resolves: Count
    """Number of deviations that this step closes, after the steps before it."""
    affects: StepReach
    after: tuple[int, ...]
    """Ids of the steps before that must have succeeded."""
    title: Text = ""
    requires: tuple[RequiredValue, ...] = ()
    """For a lock: every value under its flag that the plan relies on, changed or not."""
    loses: tuple[Text, ...] = ()
    """What people would lose, from the observed use of the run."""
    notices: tuple[Text, ...] = ()
    """Who would notice, and what this step cannot know."""

    @property
    def level(self) -> Level:
        """The level of its scope."""
        return Level(self.scope.level)


class UnfixableRow(_Part):
    """Deviations and unknowns that no step closes, and why."""

    control: Text
    setting: Text
    level: Text
    status: Text
    count: Count
    reason: Literal[
        "unread",
        "undecided",
        "attestation",
        "phone_portal",
        "no_value",
        "not_settings",
        "would_break",
        "excluded",
    ]
    detail: Text


class Prediction(_Part):
    """Numbers of checks by status and, of deviations, by severity."""

    by_status: dict[str, Count]
    by_severity: dict[str, Count] = Field(default_factory=dict)


class PlanBaseline(_Part):
    """The baseline that the plan brings the account to."""

    id: Text
    version: Text
    digest: Text


class PlanTool(_Part):
    """The program that wrote the plan."""

    name: Text
    version: Text


class PlanSelection(_Part):
    """What the plan was limited to."""

    only: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    level: Literal["account", "group", "user"] | None = None
    """The lowest level that steps may change."""
    locks: bool = True


class FixPlan(_Part):
    """The steps that bring an account from a stored run to its baseline (`auditor/plan/v1`)."""

    schema_: Annotated[Literal["auditor/plan/v1"], Field(alias="schema")]
    run: Annotated[str, Field(min_length=1, max_length=256)]
    account_id: Annotated[str, Field(min_length=1, max_length=256)]
    baseline: PlanBaseline
    evidence_digest: Text
    created_at: Text
    """RFC 3339, UTC."""
    steps: tuple[PlanStep, ...]
    resolves: Count
    """Number of deviations that the automatic steps close."""
    remains: Count
    """Number of deviations that stand after them."""
    manual: Count
    """Number of steps that a person has to do."""
    predicted: Prediction
    """After the automatic steps, without the manual ones."""
    current: Prediction
    predicted_with_manual: Prediction
    unfixable: tuple[UnfixableRow, ...] = ()
    warnings: tuple[Text, ...] = ()
    selection: PlanSelection = PlanSelection()
    run_finished_at: Text
    complete: bool
    """False if the run could not read everything: then the plan may miss deviations."""
    simulated: bool = False
    api_url: Text
    tool: PlanTool

    @property
    def automatic(self) -> tuple[PlanStep, ...]:
        """The steps that a request makes."""
        return tuple(step for step in self.steps if step.request is not None)

    def step(self, number: int) -> PlanStep | None:
        """The step with an id."""
        return next((step for step in self.steps if step.id == number), None)

    def dumped(self) -> str:
        """The plan as JSON, one step a line; `read_plan` returns the same plan."""
        document = self.model_dump(mode="json", by_alias=True)
        lines = []
        for key, value in document.items():
            if key in ("steps", "unfixable") and value:
                rows = ",\n  ".join(_json(row) for row in value)
                lines.append(f"{_json(key)}: [\n  {rows}\n ]")
            else:
                lines.append(f"{_json(key)}: {_json(value)}")
        return "{" + ",\n ".join(lines) + "}\n"

    @classmethod
    def parse(cls, text: str, name: str) -> Self:
        """The plan in `text`; errors show `name`.

        Raises:
            PlanInvalid: it is not a plan of this version, or contradicts itself.
        """
        data = parse_json(text, name)
        check_versions(data, name)
        try:
            plan = cls.model_validate_json(json.dumps(data))
        except ValidationError as error:
            raise PlanInvalid(described(error, data, cls, name)) from error
        problems = [f"{name}: {problem}" for problem in _contradictions(plan)]
        if problems:
            raise PlanInvalid(problems[:_MOST_PROBLEMS])
        return plan


def read_plan(path: Path) -> FixPlan:
    """The plan in a file.

    Raises:
        PlanInvalid: it cannot be read, or is not a plan of this version.
    """
    return FixPlan.parse(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a plan file.

    Raises:
        PlanInvalid: it cannot be read, is too large or not UTF-8.
    """
    try:
        with path.open("rb") as file:  # it may be an endless device
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise PlanInvalid([f"{path}: cannot be read: {reason}."]) from error
    if len(raw) > MAX_BYTES:
        raise PlanInvalid([f"{path}: larger than {MAX_BYTES // 1024 // 1024} MiB."])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanInvalid([f"{path}: not UTF-8 text."]) from error


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a plan."""
    document = FixPlan.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}


def request_of(kind: requests.Kind, scope: StepScope, setting: str, to: JsonValue) -> WriteRequest:
    """The request that makes a step true."""
    level = Level(scope.level)
    return WriteRequest(
        method="PATCH",
        path=requests.path(kind, level, scope.id),
        query=requests.writing_query(kind, level, setting),
        body=requests.body(setting, to),
    )


def parse_json(text: str, name: str) -> dict[str, Any]:
    """The JSON object in `text`. A key that stands twice is an error.

    Raises:
        PlanInvalid: it is not one.
    """
    try:
        data = json_values.parse(text, values=_MOST_VALUES, depth=_DEEPEST, pairs=_without_doubles)
    except json.JSONDecodeError as error:
        raise PlanInvalid([f"{name}:{error.lineno}: not JSON: {error.msg}."]) from error
    except ValueError as error:
        raise PlanInvalid([f"{name}: not JSON: {error}."]) from error
    if not isinstance(data, dict):
        raise PlanInvalid([f"{name}: not a plan: expected an object."])
    return data


def check_versions(data: Mapping[str, Any], name: str) -> None:
    """Check that this version of the program writes such plans.

    Raises:
        PlanInvalid: another version of the schema or of the program wrote it.
    """
    found = data.get("schema")
    if found != SCHEMA_ID:
        shown = printable(str(found))[:80]
        raise PlanInvalid([f'{name}: its schema is "{shown}", and this reads {SCHEMA_ID} alone.'])
    tool = data.get("tool")
    version = tool.get("version") if isinstance(tool, dict) else None
    if isinstance(version, str) and version != __version__:
        raise PlanInvalid(
            [
                f"{name}: version {printable(version)[:40]} of the program wrote it, and this is "
                f"{__version__}. Plan again: auditor fix plan --output PLAN"
            ]
        )


def described(
    error: ValidationError, data: Mapping[str, Any], model: type[BaseModel], name: str
) -> list[str]:
    """The problems of a plan file for people, each with its step and key."""
    problems = dict.fromkeys(_problem(each, data, model) for each in error.errors())
    return [f"{name}: {problem}" for problem in [*problems][:_MOST_PROBLEMS]]


def _problem(error: ErrorDetails, data: Mapping[str, Any], model: type[BaseModel]) -> str:
    *around, last = error["loc"] or ("",)
    place = _place([*around, last] if error["type"] not in _OF_PARENT else around, data)
    if error["type"] == "extra_forbidden":
        return f'{place}unknown key "{printable(str(last))}".{nearest(str(last), _keys(model))}'
    if error["type"] == "missing":
        return f'{place}"{last}" is missing.'
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{place}expected {message}."


_OF_PARENT = ("extra_forbidden", "missing")


def _place(location: Sequence[int | str], data: Mapping[str, Any]) -> str:
    """`step 3: scope.level: `."""
    parts = [*location]
    words = ""
    if len(parts) > 1 and parts[0] == "steps" and isinstance(parts[1], int):
        words, parts = f"{step_name(data, parts[1])}: ", parts[2:]
    key = ".".join(str(part) for part in parts)
    return f"{words}{key}: " if key else words


def step_name(data: Mapping[str, Any], position: int) -> str:
    """`step 3`, by the id in the file; by position if that is no number."""
    steps = data.get("steps")
    step = steps[position] if isinstance(steps, list) and position < len(steps) else None
    number = step.get("id") if isinstance(step, dict) else None
    if isinstance(number, int) and not isinstance(number, bool):
        return f"step {number}"
    return f"the step at position {position + 1}"


def _keys(model: type[BaseModel]) -> list[str]:
    """Every key of a model and its parts."""
    keys = []
    for part in (model, PlanStep, StepScope, WriteRequest, ManualWork, StepReach, Prediction):
        keys += [field.alias or name for name, field in part.model_fields.items()]
    return keys


def _contradictions(plan: FixPlan) -> Iterable[str]:
    """What a plan says that cannot be, each with its step."""
    seen: set[int] = set()
    changed: set[tuple[str, str, str, str]] = set()
    for step in plan.steps:
        label = f"step {step.id}"
        if step.id in seen:
            yield f"{label}: another step has the same id."
        if missing := [number for number in step.after if number not in seen]:
            yield f"{label}: it comes after step {missing[0]}, which is not before it."
        seen.add(step.id)
        key = step.kind, step.scope.level, step.scope.id, step.setting
        if key in changed:
            yield f"{label}: another step changes the same {step.kind} of the same scope."
        changed.add(key)
        yield from (f"{label}: {problem}" for problem in step_problems(step, plan.account_id))
    if plan.manual != len(plan.steps) - len(plan.automatic):
        yield f'"manual" is {plan.manual}, and the plan has {_manual(plan)} manual steps.'
    for key_, moment in (
        ("created_at", plan.created_at),
        ("run_finished_at", plan.run_finished_at),
    ):
        if not is_moment(moment):
            yield f"{key_}: expected a time such as 2026-11-29T08:00:00Z."
            return
    if milliseconds(plan.created_at) < milliseconds(plan.run_finished_at):
        yield "it is older than the run that it names (created_at and run_finished_at)."


def _manual(plan: FixPlan) -> int:
    return len(plan.steps) - len(plan.automatic)


def step_problems(step: PlanStep, account_id: str) -> Iterable[str]:
    """What a step says that cannot be."""
    if step.level is Level.ACCOUNT and step.scope.id != account_id:
        yield "its scope is another account."
    if step.kind == "lock" and not isinstance(step.to, bool):
        yield "a lock is on or off: expected true or false."
    if (step.request is None) == (step.manual is None):
        yield 'exactly one of "request" and "manual" must be null.'
    if step.request is None:
        return
    if not requests.is_writable(step.kind, step.level, step.setting):
        yield f"Zoom documents no request that changes {step.setting} at the {step.level}."
    elif step.request != request_of(step.kind, step.scope, step.setting, step.to):
        yield "its request is not the one that makes this change."


def _without_doubles(pairs: list[tuple[str, JsonValue]]) -> JsonValue:
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f'the key "{printable(key)[:80]}" stands twice in one object')
        found[key] = value
    return found


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)
