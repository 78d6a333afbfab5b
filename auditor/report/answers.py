"""Answers as text and JSON, for `auditor ask` and the reports."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from auditor.evidence.reading import JsonValue
from auditor.evidence.scope import Level
from auditor.evidence.timestamps import format_rfc3339
from auditor.findings.answers import (
    AffectedScopes,
    Answer,
    AnswerState,
    ControlEffect,
    ControlPart,
    Gap,
)
from auditor.findings.inventory import Feature, is_on
from auditor.findings.run import Run
from auditor.plain_text import join_and, pluralize
from auditor.policy.catalogue.parameters import known_parameters
from auditor.report import facts, wording
from auditor.report.display import printable

SCHEMA = "auditor/answers/v1"
MOST_FEATURES = 3
"""Features that the sentence names; the full answer has all."""
MOST_COUNTED = 5
"""Settings that it names."""

STATE: Mapping[AnswerState, str] = {
    AnswerState.YES: "yes",
    AnswerState.ALLOWED: "yes, and allowed",
    AnswerState.NOT_RULED_OUT: "possibly",
    AnswerState.CANNOT_SAY: "not answered yet",
    AnswerState.NOT_LOOKED_AT: "not answered yet, not looked at",
    AnswerState.RESTS_ON_ATTESTATIONS: "not answered yet, attested",
    AnswerState.NOT_APPLICABLE: "no, does not apply",
    AnswerState.NO: "no, as far as settings show",
}
"""Labels of the states, for tables and filters."""

GAP: Mapping[Gap, str] = {
    Gap.NOT_ASSESSED: "this baseline or selection does not assess it",
    Gap.NOT_REACHED: "the audit did not go that deep (--depth)",
    Gap.NO_RESULT: "the run produced no result",
    Gap.SETTINGS: "some of its settings were not assessed",
    Gap.LEVELS: "not every group, person or meeting was judged",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a full answer: a heading and its lines."""

    heading: str
    lines: tuple[str, ...]


def sentence(answer: Answer) -> str:
    """The answer in one sentence, whose first words are true on their own."""
    question = answer.question
    rules = pluralize(len(answer.parts), "rule")
    match answer.state:
        case AnswerState.YES | AnswerState.ALLOWED if answer.features:
            return _features_sentence(answer)
        case AnswerState.YES:
            bound = "at least " if answer.is_lower_bound else ""
            allowed = ControlEffect.ALLOWED in answer.effects
            also = (
                f"; where allowed, also {_where(answer, ControlEffect.ALLOWED)}" if allowed else ""
            )
            where = _where(answer, ControlEffect.SHOWN)
            return f"{question.yes}: {bound}{where}{also}.{_counted(answer)}"
        case AnswerState.ALLOWED:
            where = _where(answer, ControlEffect.ALLOWED)
            more = "; there may be more" if answer.is_lower_bound else ""
            return (
                f"{question.yes}: {where}, where the baseline or an exception allows it{more}."
                f"{_counted(answer)}"
            )
        case AnswerState.NOT_RULED_OUT:
            return f"Possibly: of {rules} behind it, {', '.join(_tally(answer))}.{_who(answer)}"
        case AnswerState.CANNOT_SAY:
            tally = ", ".join(_tally(answer))
            return f"Not answered yet: of {rules} behind it, {tally}.{_who(answer)}"
        case AnswerState.NOT_LOOKED_AT:
            return f"Not answered yet: this run judged none of the {rules} behind it."
        case AnswerState.RESTS_ON_ATTESTATIONS:
            attested = len(answer.controls(ControlEffect.ATTESTED))
            return (
                f"Not answered yet by Zoom itself: of {rules} behind it, "
                f"{attested} attested by a person{_rest(answer)}."
            )
        case AnswerState.NOT_APPLICABLE:
            return f"No: it does not apply here, as Zoom reports it ({rules} behind it)."
    where = _where(answer, ControlEffect.AS_EXPECTED)
    return f"{question.no}: all as “{answer.baseline}” requires, at {where}{_rest(answer)}."


def _counted(answer: Answer) -> str:
    """The settings that the numbers of a yes count, and what bears on it and is not counted."""
    settings = (setting for part in answer.parts for setting in part.shown)
    names = [f"“{name}”" for name in dict.fromkeys(map(facts.name, settings))]
    text = f" Counted: {wording.listed(names, MOST_COUNTED)}."
    broken = sorted(
        part.control.id
        for part in answer.parts
        if ControlEffect.DEVIATING in part.effects and not part.shown
    )
    if broken:
        noun = "rule" if len(broken) == 1 else "rules"
        text += f" Not counted here: the broken {noun} {join_and(broken)}."
    return f"{text} {answer.question.not_counted}".rstrip()


def _who(answer: Answer) -> str:
    """Who can answer what is open, and with which command."""
    ways = []
    if ControlEffect.DUE in answer.effects or ControlEffect.EXPIRED in answer.effects:
        ways.append("somebody who looks it up by hand (auditor attest)")
    if ControlEffect.UNDECIDED in answer.effects:
        ways.append("your organisation, by a decision (auditor decide)")
    return f" Who can answer: {join_and(ways)}." if ways else ""


def sections(answer: Answer) -> list[Section]:
    """The sections of a full answer, the most severe first, without empty ones."""
    baseline = f"“{answer.baseline}”"
    rows = (
        ("On", map(_feature_line, answer.features)),
        ("Shown by evidence", _per_control(answer, ControlEffect.SHOWN)),
        (
            "Shown, and allowed by the baseline, an exception or a waiver",
            _per_control(answer, ControlEffect.ALLOWED),
        ),
        (f"Does not meet {baseline}", _per_control(answer, ControlEffect.DEVIATING)),
        ("Broken, and accepted", _per_control(answer, ControlEffect.WAIVED)),
        ("Not locked, so it can be changed", _per_control(answer, ControlEffect.UNLOCKED)),
        ("No answer", _unknowns(answer)),
        ("Not judged, because an exception holds", _per_control(answer, ControlEffect.EXCEPTED)),
        ("Waits for a decision", _decisions(answer)),
        ("To attest again", _attestation_questions(answer, ControlEffect.EXPIRED)),
        ("To attest", _attestation_questions(answer, ControlEffect.DUE)),
        ("Rests on an attestation", _attested(answer)),
        ("Not looked at by this run", _gaps(answer)),
        (f"Seen, and as {baseline} requires", _titles(answer, _is_as_expected)),
        (
            "Does not apply",
            _titles(answer, lambda part: set(part.effects) == {ControlEffect.NOT_APPLICABLE}),
        ),
        ("Cannot be known", iter([answer.question.nobody_can_know])),
    )
    parts = (Section(heading, tuple(line for line in lines if line)) for heading, lines in rows)
    return [section for section in parts if section.lines]


def as_json(run: Run, answers: Sequence[Answer]) -> dict[str, JsonValue]:
    """Answers for programs, in the shape `auditor/answers/v1`.

    `run` has id, account_id, finished_at, depth, complete, simulated, baseline (id, version,
    digest).
    `answers` is a list of: id, question, asked_by, state (see `AnswerState`), answer (the
    sentence), at_least (more may be shown), claims (numbers in docs/claims.md), nobody_can_know,
    parameters (unset ones that a decision waits for), features (those that the inventory shows to
    be on: setting, title, account, groups and users with `on` and `of`, changeable_by), evidence
    (see `ControlEffect`: effect to affected scopes), unknown (a list of cause, controls, reach),
    and controls, a list of id, title, decides, asks (what a person has to answer; empty where an
    API does), statements (attested ones), evidence, not_looked_at (see `Gap`). A reach has
    by_level (level to `count`, and `of` how many that were read, null where not known) and
    unlisted (names of scopes that stand for others).
    """
    info = run.info
    return {
        "schema": SCHEMA,
        "run": {
            "id": info.id,
            "account_id": info.account_id,
            "finished_at": format_rfc3339(info.finished_at),
            "depth": info.depth,
            "complete": info.complete,
            "simulated": info.simulated,
            "baseline": {
                "id": info.baseline.id,
                "version": info.baseline.version,
                "digest": info.baseline.digest,
            },
        },
        "answers": [_answer_json(answer) for answer in answers],
    }


def _answer_json(answer: Answer) -> dict[str, JsonValue]:
    question = answer.question
    return {
        "id": question.id,
        "question": question.question,
        "asked_by": question.asked_by,
        "state": answer.state,
        "answer": sentence(answer),
        "at_least": answer.is_lower_bound,
        "claims": [*question.claims],
        "nobody_can_know": question.nobody_can_know,
        "parameters": [*answer.parameters],
        "features": [_feature_json(feature) for feature in answer.features],
        "evidence": _effects_json(answer, answer.effects),
        "unknown": [
            {"cause": cause, "controls": [*controls], "reach": _reach_json(answer, reach)}
            for cause, (controls, reach) in answer.causes.items()
        ],
        "controls": [
            {
                "id": part.control.id,
                "title": part.control.title,
                "decides": part.control.decides,
                "statements": [*part.statements],
                "asks": part.control.asks,
                "evidence": _effects_json(answer, part.effects),
                "not_looked_at": [*part.gaps],
            }
            for part in answer.parts
        ],
    }


def _effects_json(
    answer: Answer, effects: Mapping[ControlEffect, AffectedScopes]
) -> dict[str, JsonValue]:
    return {effect: _reach_json(answer, reach) for effect, reach in effects.items()}


def _reach_json(answer: Answer, reach: AffectedScopes) -> dict[str, JsonValue]:
    by_level: dict[str, JsonValue] = {
        level: {"count": count, "of": answer.coverage.get(level)}
        for level, count in reach.by_level.items()
    }
    return {"by_level": by_level, "unlisted": [*reach.unlisted]}


def _features_sentence(answer: Answer) -> str:
    """How many settings are on, as the inventory counts them, with the most used ones."""
    features = sorted(answer.features, key=lambda each: -each.people.on)
    bound = "at least " if answer.is_lower_bound else ""
    named = [f"{printable(each.title)} ({_on_at(each)})" for each in features[:MOST_FEATURES]]
    rest = len(features) - len(named)
    more = f" and {rest} more" if rest else ""
    allowed = answer.state is AnswerState.ALLOWED
    where = ", where the baseline or an exception allows it" if allowed else ""
    count = pluralize(len(features), "setting")
    return f"{answer.question.yes}: {bound}{count}: {'; '.join(named)}{more}{where}."


def _feature_line(feature: Feature) -> str:
    return f"{printable(feature.title)}: {_on_at(feature)}."


def _on_at(feature: Feature) -> str:
    """`the account, 5 of 6 groups and 243 of 293 people`."""
    sites = [each.state for each in feature.groups if each.group.level is Level.PHONE_SITE]
    sites_on = sum(state.is_seen and is_on(state.value) for state in sites)
    by_level = {
        Level.ACCOUNT: int(feature.account.is_seen and is_on(feature.account.value)),
        Level.GROUP: feature.groups_on - sites_on,
        Level.PHONE_SITE: sites_on,
        Level.USER: feature.people.on,
    }
    totals = {
        Level.GROUP: len(feature.groups) - len(sites),
        Level.PHONE_SITE: len(sites),
        Level.USER: feature.people.known + feature.people.not_known,
    }
    where = AffectedScopes({level: n for level, n in by_level.items() if n}).text(totals)
    if feature.people.not_known:
        where += f" ({Level.USER.counted(feature.people.not_known)} not known)"
    has_people = any(level in feature.levels for level in (Level.USER, Level.PHONE_USER))
    return where if has_people else f"{where}; set for the account or a group, not per person"


def _feature_json(feature: Feature) -> dict[str, JsonValue]:
    return {
        "setting": feature.setting,
        "title": feature.title,
        "account": feature.account.value,
        "groups": {
            "on": feature.groups_on,
            "of": len(feature.groups),
        },
        "users": {"on": feature.people.on, "of": feature.people.known},
        "changeable_by": [*feature.changeable_by],
    }


def _where(answer: Answer, effect: ControlEffect) -> str:
    return answer.effects[effect].text(answer.coverage)


def _tally(answer: Answer) -> Iterator[str]:
    """Number of controls per effect, the most severe first: `2 deviate (the account)`."""

    def count(effect: ControlEffect) -> int:
        return len(answer.controls(effect))

    if deviating := count(ControlEffect.DEVIATING):
        verb = "is" if deviating == 1 else "are"
        yield f"{deviating} {verb} broken ({_where(answer, ControlEffect.DEVIATING)})"
    rows = (
        (count(ControlEffect.WAIVED), "broken and accepted"),
        (count(ControlEffect.UNLOCKED), "not locked"),
        (count(ControlEffect.UNKNOWN), "without an answer"),
        (count(ControlEffect.EXCEPTED), "excepted"),
        (count(ControlEffect.UNDECIDED), "to decide"),
        (count(ControlEffect.EXPIRED), "with an expired attestation"),
        (count(ControlEffect.DUE), "to attest"),
        (len(answer.not_looked_at), "not looked at"),
        (len(answer.in_part), "looked at only in part"),
    )
    yield from (f"{number} {what}" for number, what in rows if number)


def _rest(answer: Answer) -> str:
    """The controls that are as expected or do not apply, for the end of the sentence."""
    as_expected = sum(map(_is_as_expected, answer.parts))
    not_applicable = sum(
        set(part.effects) == {ControlEffect.NOT_APPLICABLE} for part in answer.parts
    )
    text = (
        f", {as_expected} as expected" if answer.state is not AnswerState.NO and as_expected else ""
    )
    return text + (f", {not_applicable} not applicable" if not_applicable else "")


def _is_as_expected(part: ControlPart) -> bool:
    accepted = {ControlEffect.AS_EXPECTED, ControlEffect.NOT_APPLICABLE}
    return (
        ControlEffect.AS_EXPECTED in part.effects
        and set(part.effects) <= accepted
        and not part.gaps
    )


def _per_control(answer: Answer, effect: ControlEffect) -> Iterator[str]:
    for part in answer.parts:
        if effect in part.effects:
            where = part.effects[effect].text(answer.coverage)
            what = f"{part.control.id} {_EFFECT_TEXT[effect]} at {where}"
            yield f"{what}. The rule: {part.control.title}."


_EFFECT_TEXT: Mapping[ControlEffect, str] = {
    ControlEffect.SHOWN: "shows it",  # perhaps without a decision, so that no rule is broken
    ControlEffect.ALLOWED: "is allowed to differ",
    ControlEffect.DEVIATING: "is broken",
    ControlEffect.WAIVED: "is broken, and this is accepted,",
    ControlEffect.UNLOCKED: "is not kept by a lock",
    ControlEffect.EXCEPTED: "was not judged",
}
"""Precedes the title, which states the expected setting and alone would read as a fact."""


def _attested(answer: Answer) -> Iterator[str]:
    for part in answer.parts:
        for statement in part.statements:
            yield f"{part.control.id} {part.control.title}: {printable(statement)}"


def _unknowns(answer: Answer) -> Iterator[str]:
    for cause, (controls, reach) in answer.causes.items():
        where = reach.text(answer.coverage)
        yield f"{', '.join(controls)}: {wording.cause_name(cause)}, at {where}."


def _decisions(answer: Answer) -> Iterator[str]:
    undecided = answer.controls(ControlEffect.UNDECIDED)
    if undecided:
        yield f"{', '.join(undecided)}."
    for name in answer.parameters:
        known = known_parameters().get(name)
        yield f"{known.question if known else f'What is allowed: {name}?'} (auditor decide {name})"


def _attestation_questions(answer: Answer, effect: ControlEffect) -> Iterator[str]:
    for part in answer.parts:
        if effect in part.effects:
            yield f"{part.control.id}: {part.control.asks or _lock_question(part)}"


def _lock_question(part: ControlPart) -> str:
    return f"{part.control.title}: is it locked? Only the portal shows it."


def _gaps(answer: Answer) -> Iterator[str]:
    for gap in Gap:
        if ids := answer.missing(gap):
            yield f"{', '.join(ids)}: {GAP[gap]}."


def _titles(answer: Answer, predicate: Callable[[ControlPart], bool]) -> Iterator[str]:
    for part in answer.parts:
        if predicate(part):
            yield f"{part.control.id} {part.control.title}."
