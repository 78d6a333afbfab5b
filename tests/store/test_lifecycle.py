"""The lifecycle state of a finding, from its states in consecutive runs."""

from collections.abc import Sequence

from auditor.findings.model import LifecycleState, Status
from auditor.store.finding_queries import lifecycle_state
from tests.every_case import every_case

LETTERS = {
    "F": Status.FAIL,
    "W": Status.WAIVED,
    "?": Status.UNKNOWN,
    "d": Status.NEEDS_DECISION,
    "x": Status.ATTESTATION_EXPIRED,
    "a": Status.ATTESTED,
    "n": Status.NOT_APPLICABLE,
}


def periods(story: str) -> list[tuple[Status, int, int]]:
    """The periods of a story: one letter per run, a dot for a pass."""
    found: list[tuple[Status, int, int]] = []
    for number, letter in enumerate(story, start=1):
        if letter == ".":
            continue
        status = LETTERS[letter]
        if found and found[-1][0] is status and found[-1][2] == number - 1:
            found[-1] = (status, found[-1][1], number)
        else:
            found.append((status, number, number))
    return found


@every_case(
    "story, expected",
    [
        # a deviation for the first time, whatever was not known before
        ("F", LifecycleState.NEW),
        (".F", LifecycleState.NEW),
        ("?F", LifecycleState.NEW),
        (".?.F", LifecycleState.NEW),
        ("dF", LifecycleState.NEW),
        ("aF", LifecycleState.NEW),
        ("nF", LifecycleState.NEW),
        # a deviation when it was last known, too
        ("FF", LifecycleState.PERSISTING),
        ("F?F", LifecycleState.PERSISTING),
        ("F??F", LifecycleState.PERSISTING),
        ("F?dxF", LifecycleState.PERSISTING),
        ("FFF", LifecycleState.PERSISTING),
        ("F.FF", LifecycleState.PERSISTING),
        # a waiver does not put right what it covers
        ("WF", LifecycleState.PERSISTING),
        ("FWF", LifecycleState.PERSISTING),
        ("W?F", LifecycleState.PERSISTING),
        # again, after it had been put right
        ("F.F", LifecycleState.REGRESSED),
        ("F..F", LifecycleState.REGRESSED),
        ("F?.F", LifecycleState.REGRESSED),
        ("F.?F", LifecycleState.REGRESSED),
        ("F?.?F", LifecycleState.REGRESSED),
        ("FaF", LifecycleState.REGRESSED),
        ("FnF", LifecycleState.REGRESSED),
        ("Fa?F", LifecycleState.REGRESSED),
        ("W.F", LifecycleState.REGRESSED),
        # put right
        ("F.", LifecycleState.RESOLVED),
        ("F..", LifecycleState.RESOLVED),
        ("F?.", LifecycleState.RESOLVED),
        ("W.", LifecycleState.RESOLVED),
        ("Fa", LifecycleState.RESOLVED),
        ("Faa", LifecycleState.RESOLVED),
        ("F?a", LifecycleState.RESOLVED),
        ("Fn", LifecycleState.RESOLVED),
        # nobody can tell
        ("F?", None),
        ("F??", None),
        ("Fd", None),
        ("Fx", None),
        ("?", None),
        ("F.?", None),
        # covered by a waiver
        ("W", None),
        ("FW", None),
        ("FWW", None),
        # never a deviation
        ("", None),
        (".", None),
        ("?.", None),
        ("a", None),
        ("n.", None),
    ],
)
def test_the_life_of_a_finding_follows_from_how_it_stood(
    story: str, expected: LifecycleState | None
) -> None:
    assert lifecycle_state(periods(story), max(len(story), 1)) is expected


@every_case("status", list(LETTERS.values()))
def test_another_value_of_the_same_status_changes_no_life(status: Status) -> None:
    whole: Sequence[tuple[Status, int, int]] = [(status, 1, 4)]
    cut = [(status, 1, 2), (status, 3, 3), (status, 4, 4)]
    assert lifecycle_state(cut, 4) is lifecycle_state(whole, 4)
