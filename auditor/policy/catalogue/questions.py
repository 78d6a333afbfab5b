"""The questions people ask about Zoom, AI and consent, and the public claims behind them."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from auditor.errors import nearest
from auditor.evidence.reading import JsonValue
from auditor.findings.questions import CheckedSetting, Question, RelatedControl
from auditor.policy.catalogue import files, yaml_source
from auditor.policy.catalogue.controls import Catalogue, Check, Control
from auditor.policy.catalogue.errors import PolicyError
from auditor.policy.catalogue.yaml_source import Location, Source

FILE = "questions.yaml"
CLAIMS = 59
"""The number of public claims in the file, numbered from 1."""
NEAR_ENOUGH = 0.45
"""The minimum similarity between search words and a question, from 0 to 1."""

When = Literal["enabled", "disabled", "deviates"] | tuple[JsonValue, ...]
"""The value of a setting that makes the answer yes on its own."""
_SMALL_WORDS = """
a an and are at be by can do does for from get have how i in is it me my of on or our some that the
their them they this to us we what when where which who will with you your
"""


class _QuestionModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Question(_QuestionModel):
    id: str = Field(pattern=r"^[a-z]+(-[a-z]+)*$")
    question: str
    asked_by: Literal["employee", "works council", "data protection officer"]
    controls: tuple[str, ...] = ()
    shown_by: Mapping[str, When | Mapping[str, When]] = {}
    claims: tuple[int, ...]
    nobody_can_know: str = ""
    inventory: str = ""
    not_counted: str = ""
    if_so: str = "Yes"
    if_not: str = "No, as far as settings show"


class Claim(_QuestionModel):
    """One public claim, and its status today."""

    number: Annotated[int, Field(ge=1, le=CLAIMS)]
    claim: str
    status_today: str
    check: str
    """The part of it that can be checked in an account."""
    controls: tuple[str, ...]


class _QuestionFile(_QuestionModel):
    questions: tuple[_Question, ...]
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Questions:
    """The questions in the order of their file, and the claims by number."""

    questions: tuple[Question, ...]
    claims: tuple[Claim, ...]

    def find(self, words: str) -> Question:
        """The question with the id `words`, or the one whose text is most similar to them.

        Raises:
            PolicyError: no question is similar enough.
        """
        query = words.strip().casefold()
        for question in self.questions:
            if question.id == query:
                return question
        best = max(self.questions, key=lambda question: _likeness(query, question))
        if _likeness(query, best) < NEAR_ENOUGH:
            hint = nearest(words, (question.id for question in self.questions))
            raise PolicyError([f'No question is like "{words}".{hint} List them with: auditor ask'])
        return best


def _likeness(words: str, question: Question) -> float:
    """The similarity of `words` and a question, 0 to 1: shared word stems, then letters."""
    query_stems = _stems(words)
    question_stems = _stems(f"{question.question} {question.id.replace('-', ' ')}")
    shared = len(query_stems & question_stems) / len(query_stems) if query_stems else 0.0
    similarity = SequenceMatcher(None, words, question.question.casefold()).ratio()
    return 0.8 * shared + 0.2 * similarity


def _stems(text: str) -> frozenset[str]:
    small = _SMALL_WORDS.split()
    letters = "".join(char if char.isalnum() else " " for char in text.casefold())
    return frozenset(word[:6].rstrip("s") for word in letters.split() if word not in small)


def load(path: Path, catalogue: Catalogue) -> Questions:
    """Load the questions in the file at `path` and check them against `catalogue`.

    Raises:
        PolicyError: the file is not valid; each problem with its line.
    """
    source = yaml_source.read(path)
    parsed = yaml_source.load(source, _QuestionFile)
    problems = list(_problems(source, parsed, catalogue))
    if problems:
        raise PolicyError(problems)
    questions = tuple(_question(entry, catalogue) for entry in parsed.questions)
    return Questions(questions, tuple(sorted(parsed.claims, key=lambda claim: claim.number)))


def shipped() -> Questions:
    """The shipped questions."""
    return load(files.folder() / FILE, files.shipped_catalogue())


def _problems(source: Source, parsed: _QuestionFile, catalogue: Catalogue) -> Iterator[str]:
    known = catalogue.controls
    seen: set[str] = set()
    for i, question in enumerate(parsed.questions):
        at: Location = ("questions", i)
        if question.id in seen:
            yield source.problem((*at, "id"), f"another question is called {question.id}.")
        seen.add(question.id)
        yield from _unknown(source, (*at, "controls"), question.controls, known)
        for control_id, shows in question.shown_by.items():
            here = (*at, "shown_by", control_id)
            yield from _unknown(source, here, [control_id], known)
            if control_id in question.controls:
                yield source.problem(
                    here, 'it is listed under "controls" as well; remove it there.'
                )
            if control_id in known and isinstance(shows, Mapping):
                settings = [check.setting for check in known[control_id].checks]
                for name in shows:
                    if name not in settings:
                        hint = nearest(name, settings)
                        yield source.problem(
                            (*here, name), f"{control_id} has no such check.{hint}"
                        )
        has_attestation = any(known[c].attestation for c in question.controls if c in known)
        if not question.shown_by and not has_attestation:
            yield source.problem(
                at, 'nothing could answer it: name "shown_by", or a control that a person attests.'
            )
        for n in question.claims:
            if n not in range(1, CLAIMS + 1):
                yield source.problem((*at, "claims"), f"there is no claim {n}.")
    yield from _claim_problems(source, parsed, known)


def _claim_problems(
    source: Source, parsed: _QuestionFile, known: Mapping[str, Control]
) -> Iterator[str]:
    numbers = [claim.number for claim in parsed.claims]
    for n in range(1, CLAIMS + 1):
        if numbers.count(n) != 1:
            yield source.problem(("claims",), f"claim {n} stands there {numbers.count(n)} times.")
    for i, claim in enumerate(parsed.claims):
        at: Location = ("claims", i)
        yield from _unknown(source, (*at, "controls"), claim.controls, known)
        related = [question for question in parsed.questions if claim.number in question.claims]
        if not related:
            yield source.problem((*at, "number"), f"claim {claim.number} belongs to no question.")
            continue
        related_ids = {
            cid for question in related for cid in (*question.controls, *question.shown_by)
        }
        for control_id in claim.controls:
            if control_id not in related_ids:
                yield source.problem(
                    (*at, "controls"),
                    f"{control_id} belongs to no question of claim {claim.number}.",
                )


def _unknown(
    source: Source, at: Location, ids: Iterable[str], known: Mapping[str, Control]
) -> Iterator[str]:
    for control_id in ids:
        if control_id not in known:
            hint = nearest(control_id, known)
            yield source.problem(at, f"no control is called {control_id}.{hint}")


def _question(entry: _Question, catalogue: Catalogue) -> Question:
    ids = (*entry.shown_by, *sorted(entry.controls))
    return Question(
        id=entry.id,
        question=entry.question,
        asked_by=entry.asked_by,
        controls=tuple(
            _related_controls(catalogue.controls[cid], entry.shown_by.get(cid, {})) for cid in ids
        ),
        claims=entry.claims,
        nobody_can_know=entry.nobody_can_know,
        inventory=entry.inventory,
        not_counted=entry.not_counted,
        yes=entry.if_so,
        no=entry.if_not,
    )


def _related_controls(control: Control, shows: When | Mapping[str, When]) -> RelatedControl:
    settings = (check.setting for check in control.checks)
    if not isinstance(shows, Mapping):
        shows = dict.fromkeys(settings, shows)
    return RelatedControl(
        id=control.id,
        title=control.title,
        looks_at=tuple(_looked(check, control) for check in control.checks if not check.legacy_of),
        asks=control.attestation.question if control.attestation is not None else "",
        shows=shows,
    )


def _looked(check: Check, control: Control) -> CheckedSetting:
    """A setting with its legacy keys, which count as the same setting."""
    same = [check, *(twin for twin in control.checks if twin.legacy_of == check.setting)]
    return CheckedSetting(
        settings=tuple(twin.setting for twin in same),
        levels=tuple(dict.fromkeys(level for twin in same for level in twin.levels)),
        derived=check.surface == "derived",
    )


def claims_page(known: Questions) -> str:
    """The text of docs/claims.md: each claim with its status, questions and controls."""
    lines = [
        "# What has been claimed about Zoom, AI and consent",
        "",
        f"{len(known.claims)} claims made in public, what became of each by 21 November 2026, and",
        "what can be checked in an account. `auditor ask ID` answers a question for your account,",
        "`auditor control show ID` explains a control. Nobody outside Zoom can verify what it does",
        "with data; a control says what your account allows.",
        "",
        "Generated from `policies/questions.yaml` by",
        "`python -m auditor.policy.catalogue.questions`.",
        "",
        "## Questions",
        "",
        "| question | asked by | id | claims |",
        "|---|---|---|---|",
    ]
    for question in known.questions:
        numbers = ", ".join(f"[{n}](#claim-{n})" for n in question.claims)
        lines.append(f"| {question.question} | {question.asked_by} | `{question.id}` | {numbers} |")
    lines += ["", "## Claims"]
    for claim in known.claims:
        question_ids = [
            question.id for question in known.questions if claim.number in question.claims
        ]
        lines += [
            "",
            f"### Claim {claim.number}",
            "",
            f"> {claim.claim}",
            "",
            f"- Today: {claim.status_today}.",
            f"- In an account: {claim.check}.",
            f"- Questions: {', '.join(f'`{name}`' for name in question_ids)}",
            f"- Controls: {', '.join(claim.controls)}",
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(claims_page(shipped()))
