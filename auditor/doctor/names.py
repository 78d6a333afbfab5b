"""Check of the names in the organisation file against the account of the newest run."""

from collections.abc import Callable
from dataclasses import asdict

from auditor.doctor.model import CheckState, DoctorCheck
from auditor.evidence.reading import JsonValue
from auditor.findings.model import ReferenceState
from auditor.plain_text import pluralize
from auditor.policy.baseline.references import Entries, LookedUp
from auditor.report import waiver_wording, wording

_MOST = 10
"""The maximum number of names in a sentence."""


def check(entries: Entries, look_up: Callable[[Entries], LookedUp]) -> DoctorCheck:
    """Check for names that match nothing or are ambiguous."""
    count = sum(1 for _ in entries.mentions())
    if not count:
        sentence = "No organisation file names a group, a person or a meeting."
        return DoctorCheck("names", "Names", CheckState.OK, sentence)
    looked_up = look_up(entries)
    if looked_up.unchecked:
        return DoctorCheck(
            "names", "Names", CheckState.SKIPPED, f"Not looked up. {looked_up.unchecked}"
        )
    listed: list[JsonValue] = [asdict(each) for each in looked_up.found]
    facts: dict[str, JsonValue] = {"run": looked_up.run, "names": listed}
    of_run = f"run {looked_up.run}, which ended {wording.when(looked_up.finished_at)}"
    odd = [each for each in looked_up.found if each.state is not ReferenceState.UNKNOWN]
    if odd:
        lines = " ".join(map(waiver_wording.reference_line, odd[:_MOST]))
        if (more := len(odd) - _MOST) > 0:
            lines += f" And {wording.number(more)} more: auditor baseline check FILE"
        stale = len(looked_up.stale)
        head = wording.stale_names(stale) if stale else "Names that look like another one"
        return DoctorCheck(
            "names",
            "Names",
            CheckState.WARNING,
            f"{head}, in {of_run}: {lines}",
            "Correct the organisation file: names that match nothing fail the gate."
            if stale
            else "Make sure that the intended group is named, and rename the other one.",
            facts=facts,
        )
    unknown = len(looked_up.found)
    rest = f"; {unknown} could not be checked" if unknown else ""
    known = pluralize(count - unknown, "name")
    sentence = f"{known} of the organisation file fit {of_run}{rest}."
    return DoctorCheck("names", "Names", CheckState.OK, sentence, facts=facts)
