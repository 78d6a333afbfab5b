"""The sentences that the judgement gives with a status, all in one reviewed file.

    AUDITOR_UPDATE_GOLDEN=1 python -m pytest tests/policy/test_sentences.py

writes it anew; review the difference before keeping it. Each world is one account of which
something is so at every place; a line is one sentence, with the number of rules that gave it.
"""

import os
import re
from collections.abc import Callable, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

from auditor.evidence.read_plan import COVERAGE_VIEWS, MEETING, PHONE, PHONE_VIEWS, lock_sample_view
from auditor.evidence.reading import Cause, JsonValue
from auditor.evidence.scope import Level, Scope
from auditor.evidence.view import LOCKS, SETTINGS, View
from auditor.findings.model import Status, Verdict
from auditor.plain_text import pluralize
from auditor.policy.catalogue.controls import ATTESTATION
from auditor.policy.evaluation.evaluate import Evaluation
from tests.builders import (
    ACCOUNT,
    CATALOGUE,
    GROUP,
    TODAY,
    USER,
    Bodies,
    Json,
    Parameters,
    ScopeBodies,
    attestation_entry,
    baseline_of,
    blind_spot_entry,
    check,
    evaluated,
    evaluated_with,
    expected_attestation,
    expected_control,
    expected_derived,
    locks_body,
    scope_verdicts,
    set_at,
    settings_body,
    snapshot_of,
    user,
    waiver_entry,
)
from tests.policy.samples import (
    BASELINES,
    PARAMETERS,
    SCOPES,
    NoSample,
    SampleCheck,
    checks_of,
    failing,
    passing,
    place,
)
from tests.policy.test_allowed_groups import ACCOUNT_ONLY, DENIED_GROUPS, EIGHT, judged
from tests.worlds.golden import UPDATE

FILE = Path(__file__).with_name("sentences.txt")
STRICT = BASELINES["strict"]
SETTING_NAME = re.compile(r"\b[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\b")
EMPTY: Mapping[str, JsonValue] = {"array": [], "object": {}, "string": ""}
UPDATING = bool(os.environ.get(UPDATE))


def test_every_sentence_of_the_judgement_is_the_one_that_was_reviewed() -> None:
    found = "\n".join(
        line for name, world in WORLDS.items() for line in (f"# {name}", *sentences(world()), "")
    )
    if UPDATING:
        FILE.write_text(found, encoding="utf-8")
    reviewed = FILE.read_text(encoding="utf-8")
    difference = list(unified_diff(reviewed.splitlines(), found.splitlines(), n=0))
    assert not difference, "\n".join(difference)


def sentences(evaluation: Evaluation) -> list[str]:
    """Each sentence once, with the kind and status of its verdict, and for how many rules it is.

    Names of settings and the questions of the catalogue are left out: they are data.
    """
    rules: dict[str, set[str]] = {}
    for scope, verdict in scope_verdicts(evaluation):
        if verdict.detail and not is_question(verdict):
            sentence = SETTING_NAME.sub("SETTING", verdict.detail)
            line = f"{verdict.kind} {outcome(verdict)} at the {scope.level.noun}: {sentence}"
            rules.setdefault(line, set()).add(verdict.control)
    return [f"{line} [{pluralize(len(names), 'rule')}]" for line, names in sorted(rules.items())]


def is_question(verdict: Verdict) -> bool:
    """True for a question of the catalogue that nobody has answered."""
    return verdict.setting == ATTESTATION and verdict.status is Status.NEEDS_DECISION


def outcome(verdict: Verdict) -> str:
    return f"{verdict.status} ({verdict.cause})" if verdict.cause else str(verdict.status)


# Whole accounts, judged by every rule of the baseline strict


def whole(
    value: Callable[[SampleCheck], JsonValue],
    lock: JsonValue = None,
    parameters: Parameters | None = PARAMETERS,
) -> Evaluation:
    """An account whose every setting has `value` at each level, and whose every lock is `lock`."""
    bodies: dict[Level, dict[View, Any]] = {level: {SETTINGS: {}} for level in SCOPES}
    for sample in checks_of("strict", STRICT):
        for level in sample.read_levels:
            try:
                place(bodies[level], sample.check, value(sample))
            except NoSample:
                continue
            if lock is not None and sample.check.lock and level in sample.check.lock_levels:
                document = sample.check.lock_document
                set_at(bodies[level].setdefault(document, {}), sample.check.lock, lock)
    return evaluated(
        snapshot_of(*((SCOPES[level], found) for level, found in bodies.items())),
        STRICT,
        parameters,
        Level.MEETING,
    )


def refused(cause: Cause) -> Evaluation:
    """An account of which every document failed to be read for one cause."""
    checks = [sample.check for sample in checks_of("strict", STRICT)]
    views = {each.document for each in checks} | {each.lock_document for each in checks}
    bodies: Bodies = dict.fromkeys(sorted(views), cause)
    return evaluated(
        snapshot_of(*((scope, bodies) for scope in SCOPES.values())), STRICT, PARAMETERS
    )


# One setting


def one(
    *scopes: ScopeBodies,
    op: Any = False,
    has_to_be_locked: bool = False,
    parameters: Parameters | None = None,
    **fields: Any,
) -> Evaluation:
    """The evaluation of one setting of an account, whose check has `fields`."""
    expected = expected_control(check(**fields), op=op, lock=has_to_be_locked)
    return evaluated(snapshot_of(*scopes), baseline_of(expected), parameters, Level.MEETING)


def found_twice(*values: JsonValue) -> Evaluation:
    """A setting that is looked up by its key, which occurs at several places."""
    body = {f"part_{number}": {"thing": value} for number, value in enumerate(values)}
    return one((ACCOUNT, {SETTINGS: body}), find_key="thing", type=())


def twins(old: JsonValue, new: JsonValue) -> Evaluation:
    """An older setting beside the one that replaced it."""
    older = check("recording.old", legacy_of="recording.new")
    newer = check("recording.new")
    body = {SETTINGS: {"recording": {"old": old, "new": new}}}
    return evaluated(snapshot_of((ACCOUNT, body)), baseline_of(expected_control(newer, older)))


MEETING_OWN = check(
    "settings.thing",
    surface=MEETING.surface,
    levels=[Level.MEETING, Level.WEBINAR],
    lock=None,
    lock_levels=(),
)
PHONE_OWN = check("x", surface=PHONE.surface, levels=list(PHONE_VIEWS), lock=None, lock_levels=())


def below(listed: int, read: int) -> Evaluation:
    """Levels of which so many places were listed and read."""
    counts: Bodies = {view: {"listed": listed, "read": read} for view in COVERAGE_VIEWS.values()}
    expected = expected_control(MEETING_OWN, PHONE_OWN)
    return evaluated(snapshot_of((ACCOUNT, counts)), baseline_of(expected), depth=Level.MEETING)


def unlisted_hosts() -> Evaluation:
    """Two hosts whose meetings were refused, and one whose request failed."""
    hosts = [
        (Scope(Level.MEETING, f"*u{number}", f"Host {number}"), {MEETING: cause})
        for number, cause in enumerate((Cause.DENIED, Cause.DENIED, Cause.ERROR))
    ]
    expected = expected_control(MEETING_OWN)
    return evaluated(snapshot_of(*hosts), baseline_of(expected), depth=Level.MEETING)


def invitation() -> Evaluation:
    """A meeting that breaks the rule, to which outsiders are invited."""
    body: Json = {"settings": {"thing": True}, "invitees": {"listed": 3, "outside": 2}}
    meeting = (Scope(Level.MEETING, "m1", "Weekly"), {MEETING: body})
    return evaluated(
        snapshot_of(meeting), baseline_of(expected_control(MEETING_OWN)), depth=Level.MEETING
    )


def computed(*scopes: ScopeBodies, **decisions: Any) -> Evaluation:
    """Two settings that have to be off and locked, with the rules that are computed from them."""
    expected = baseline_of(
        expected_control(check("in_meeting.a"), check("in_meeting.b"), op=False, lock=True),
        expected_derived("CC-01"),
        expected_derived("CC-02"),
    )
    return evaluated_with(snapshot_of(*scopes), expected, **decisions)


def attested(**fields: Any) -> Evaluation:
    """The answer of a person to a question that no API answers."""
    expected = baseline_of(expected_attestation(CATALOGUE.controls["TR-01"]))
    answer = attestation_entry("TR-01", **fields)
    return evaluated_with(snapshot_of(), expected, attestations=[answer], catalogue=CATALOGUE)


def unread_beside_a_lock() -> Evaluation:
    """A person whose document was left out, because a lock proves one of the two settings."""
    body: Json = {"in_meeting": {"a": False, "b": False}}
    locks: Json = {"in_meeting": {"a": True, "b": False}}
    sampled: Json = {"users": 40, "sampled": 25, "confirmed": 25}
    account: Bodies = {SETTINGS: body, LOCKS: locks, lock_sample_view(SETTINGS): sampled}
    return computed((ACCOUNT, account), (GROUP, {}), (user(1, "g1"), {}))


def two(a: JsonValue, b: JsonValue) -> Bodies:
    """A document with the two settings of `computed`."""
    return {SETTINGS: {"in_meeting": {"a": a, "b": b}}}


UNLOCKED = (ACCOUNT, {**two(a=False, b=False), LOCKS: {"in_meeting": {"a": False, "b": True}}})
BOTH_UNLOCKED = (
    ACCOUNT,
    {**two(a=False, b=False), LOCKS: {"in_meeting": {"a": False, "b": False}}},
)
EVERYWHERE = [waiver_entry(), waiver_entry(scope={"level": "account"})]
EXCEPT = {"op": "eq", "value": False, "group_exception_param": "ai_groups"}
PARENT = {"in_meeting": {"thing": True, "parent": False}}
BASIC = Scope(Level.USER, "u2", "Bo", licence=1, status="active")

WORLDS: Mapping[str, Callable[[], Evaluation]] = {
    "Everything as the rules ask, and locked": lambda: whole(
        lambda it: passing(it.check, it.expectation), True
    ),
    "Nothing as the rules ask, and not locked": lambda: whole(
        lambda it: failing(it.check, it.expectation), False
    ),
    "Values of a kind that Zoom does not document": lambda: whole(lambda it: {"odd": [1]}, "maybe"),
    "Values that are empty": lambda: whole(lambda it: EMPTY.get("".join(it.check.type[:1])), {}),
    "Nobody answered a notice": lambda: one(
        (ACCOUNT, settings_body({"agree": 0})),
        type="object",
        op={"op": "agreed", "param": "policy"},
    ),
    "A phone retention list that is empty": lambda: one(
        (ACCOUNT, settings_body([])), type="array", op={"op": "none_unlimited"}
    ),
    "Empty answers": lambda: refused(Cause.ABSENT),
    "No parameter decided": lambda: whole(
        lambda it: failing(it.check, it.expectation), True, parameters={}
    ),
    "Nothing requested": lambda: evaluated(snapshot_of(), STRICT, PARAMETERS, Level.MEETING),
    "Every request refused": lambda: refused(Cause.DENIED),
    "No licence": lambda: refused(Cause.NOT_LICENSED),
    "A group may differ": judged,
    "A group may differ, and somebody is in no group": lambda: judged(outsider=True),
    "A group may differ, and only the account can lock": lambda: judged(lock_levels=ACCOUNT_ONLY),
    "Eight groups may differ, and people were not read": lambda: judged(
        depth=Level.ACCOUNT, allowed=EIGHT
    ),
    "A group may differ, and groups could not be listed": lambda: judged(listings=DENIED_GROUPS),
    "A group and its people are allowed": lambda: one(
        *((scope, settings_body(True)) for scope in (ACCOUNT, GROUP, USER)),
        op=EXCEPT,
        parameters={"ai_groups": ["Clinical"]},
    ),
    "A group that is allowed does not use it": lambda: one(
        *((scope, settings_body(False)) for scope in (ACCOUNT, GROUP, USER)),
        op=EXCEPT,
        parameters={"ai_groups": ["Clinical"]},
    ),
    "A value that an organisation allows": lambda: one(
        (ACCOUNT, settings_body("US")),
        type="string",
        op={"op": "in_param", "param": "places"},
        parameters={"places": ["US"]},
    ),
    "A switch without effect while another is off": lambda: one(
        (ACCOUNT, {SETTINGS: PARENT}), parent="in_meeting.parent"
    ),
    "A condition that is not met": lambda: one(
        (ACCOUNT, {SETTINGS: PARENT}), only_when={"setting": "in_meeting.parent", "is": True}
    ),
    "A condition that was not returned": lambda: one(
        (ACCOUNT, settings_body(True)), only_when={"setting": "in_meeting.parent", "is": True}
    ),
    "A key at two places": lambda: found_twice(True, False),
    "A key at many places": lambda: found_twice("x" * 50, {"a": 1}, [1], None, 7, False, True, "é"),
    "A key at one place": lambda: found_twice(True),
    "An older setting that is worse": lambda: twins(old=True, new=False),
    "An older setting that is better": lambda: twins(old=False, new=True),
    "A lock that is only inferred, on": lambda: one(
        (ACCOUNT, {**settings_body(False), **locks_body(True)}),
        has_to_be_locked=True,
        lock_inferred=True,
    ),
    "A lock that is only inferred, off": lambda: one(
        (ACCOUNT, {**settings_body(False), **locks_body(False)}),
        has_to_be_locked=True,
        lock_inferred=True,
    ),
    "A lock that Zoom does not publish": lambda: one(
        (ACCOUNT, settings_body(False)), has_to_be_locked=True, lock=None, lock_levels=()
    ),
    "Somebody without a licence": lambda: one(
        (ACCOUNT, {SETTINGS: Cause.NOT_LICENSED}),
        (BASIC, {SETTINGS: {}}),
        when_absent="not_applicable",
    ),
    "Zoom Phone below the account, and meetings": lambda: below(0, 0),
    "Zoom Phone and meetings that were left out": lambda: below(5, 2),
    "Meetings of hosts that could not be listed": unlisted_hosts,
    "An invitation of outsiders": invitation,
    "A setting and its lock that may differ": lambda: computed(
        UNLOCKED, (GROUP, two(a=True, b=False)), waivers=EVERYWHERE
    ),
    "Two settings and their locks that may differ": lambda: computed(
        BOTH_UNLOCKED,
        (GROUP, two(a=True, b=True)),
        (USER, two(a=True, b=True)),
        waivers=EVERYWHERE,
    ),
    "Waivers that have expired": lambda: computed(
        UNLOCKED, (GROUP, two(a=True, b=False)), waivers=[waiver_entry(expires="2026-11-20")]
    ),
    "A waiver of less than what is the case": lambda: evaluated_with(
        snapshot_of((ACCOUNT, settings_body(120))),
        baseline_of(expected_control(check(type=()), op={"op": "lte", "value": 30})),
        waivers=[waiver_entry(scope={"level": "account"}, observed=90, expires=f"{TODAY}")],
    ),
    "A blind spot that has expired": lambda: evaluated_with(
        snapshot_of((ACCOUNT, {SETTINGS: Cause.DENIED})),
        baseline_of(expected_control(check())),
        blind_spots=[blind_spot_entry(expires="2026-11-20")],
    ),
    "An answer that nobody compared": attested,
    "An answer as expected": lambda: attested(as_expected=True),
    "An answer that is not as expected": lambda: attested(as_expected=False),
    "An answer that has expired": lambda: attested(as_expected=True, expires="2026-11-20"),
    "An answer not as expected that has expired": lambda: attested(
        as_expected=False, expires="2026-11-20"
    ),
    "A person who was not read beside a lock": unread_beside_a_lock,
    "A list that is empty": lambda: one(
        (ACCOUNT, settings_body([])), type="array", op={"op": "none_equal", "value": ["declined"]}
    ),
    "A duration that is none": lambda: one(
        (ACCOUNT, settings_body("x" * 100)),
        type="string",
        op={"op": "duration_lte", "value": "90d"},
    ),
    "A lock of another shape": lambda: one(
        (ACCOUNT, {**settings_body(False), **locks_body({"odd": 1})}), has_to_be_locked=True
    ),
    "A setting that older accounts may lack": lambda: one(
        *((scope, {SETTINGS: {}}) for scope in (ACCOUNT, GROUP, USER)),
        since=dict.fromkeys((Level.ACCOUNT, Level.GROUP), "2025-12-22"),
    ),
}
