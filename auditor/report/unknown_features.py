"""The features of an inventory whose state is not known: why, and where to look."""

from collections.abc import Iterable
from dataclasses import dataclass

from auditor.evidence.reading import Cause
from auditor.findings.inventory import FeatureUse
from auditor.findings.run import Run
from auditor.plain_text import join_and, pluralize
from auditor.report import facts, inventory_wording, wording
from auditor.report.display import printable
from auditor.report.inventory_wording import FeatureRow, TopicSection

_NOT_REQUESTED = (
    "No rule of this run asks for them, and an audit requests only what its rules need. A person "
    "can look at the place named."
)
_ELSEWHERE = "They are known for some places only. For the others, look in Zoom's portal."


@dataclass(frozen=True, slots=True)
class UnknownFeatures:
    """Features that are not known for the same reason."""

    heading: str
    what_to_do: str
    features: tuple[str, ...]
    """Each with where to look and what the rules say on it."""
    is_partial: bool = False
    """True if each is known somewhere."""


def of_sections(run: Run, sections: Iterable[TopicSection]) -> list[UnknownFeatures]:
    """What is known nowhere, by reason, then what is known only for some."""
    nowhere: dict[tuple[str, str], list[str]] = {}
    somewhere: list[str] = []
    for row in (row for section in sections for _, rows in section.parts for row in rows):
        notes = inventory_wording.unknown_notes(row.feature)
        if row.feature.use is FeatureUse.UNKNOWN:
            nowhere.setdefault(_reason(run, row), []).append(_described(run, row))
        elif notes:
            somewhere.append(f"{printable(row.feature.title)}: {'; '.join(notes)}")
    found = [
        UnknownFeatures(
            f"{pluralize(len(features), 'AI feature')} not known: {cause}",
            what_to_do,
            tuple(features),
        )
        for (cause, what_to_do), features in nowhere.items()
    ]
    if somewhere:
        heading = f"{pluralize(len(somewhere), 'AI feature')} not known for everybody"
        found.append(UnknownFeatures(heading, _ELSEWHERE, tuple(somewhere), is_partial=True))
    return found


def counted(unknown: Iterable[UnknownFeatures]) -> str:
    """`5 AI features`: those that are known nowhere; empty without any."""
    count = sum(len(each.features) for each in unknown if not each.is_partial)
    return pluralize(count, "AI feature") if count else ""


def sentence(run: Run) -> str:
    """How many features are not known: `5 AI features are not known at all, and 6 not for
    everybody.` Empty if all are known, or without the evidence of the run."""
    sections = inventory_wording.sections(run.inventory()) if run.inventory else []
    nowhere = somewhere = 0
    for each in of_sections(run, sections):
        nowhere += 0 if each.is_partial else len(each.features)
        somewhere += len(each.features) if each.is_partial else 0
    is_not = f"{'is' if (nowhere or somewhere) == 1 else 'are'} not known"
    if nowhere:
        rest = f", and {wording.number(somewhere)} not for everybody" if somewhere else ""
        return f"{pluralize(nowhere, 'AI feature')} {is_not} at all{rest}."
    return f"{pluralize(somewhere, 'AI feature')} {is_not} for everybody." if somewhere else ""


def _reason(run: Run, row: FeatureRow) -> tuple[str, str]:
    """Why a feature is not known, in a few words, and what to do."""
    feature = row.feature
    states = [feature.account.cause] if row.account != inventory_wording.NOT_HERE else []
    states += [group.state.cause for group in feature.groups]
    states += [each.cause for each in feature.people.unknown]
    causes = [cause for cause in Cause if cause in states]
    name = " or ".join(map(wording.cause_name, causes))
    if causes == [Cause.NOT_COLLECTED] and row.rule in ("", inventory_wording.NO_RULE):
        return name, _NOT_REQUESTED
    return name, " ".join(wording.remedy(cause, run.errors) for cause in causes)


def _described(run: Run, row: FeatureRow) -> str:
    """`Call screening: Phone System Management > Company Info > Account Settings`."""
    feature = row.feature
    rules = [run.controls[each] for each in feature.controls if each in run.controls]
    places = (facts.place(feature.setting), *(printable(info.fix_portal) for info in rules))
    text = printable(feature.title)
    if place := next(filter(None, places), ""):
        text += f": {' '.join(place.split())}"
    if row.rule and row.rule != inventory_wording.NO_RULE:
        return f"{text} ({row.rule})"
    ids = join_and([printable(info.id) for info in rules])
    does = "does" if len(rules) == 1 else "do"
    return f"{text} ({ids} {does} not ask for it in this baseline)" if rules else text
