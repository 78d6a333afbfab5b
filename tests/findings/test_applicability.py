from auditor.findings.applicability import by_reference
from auditor.findings.frameworks import Framework, FrameworkPart, split_reference
from auditor.findings.model import ControlInfo, Severity, Status
from auditor.findings.rollup import ControlRollup

LAW = Framework(
    id="law",
    key="law",
    title="The Law",
    version="1",
    not_claimed="Much.",
    parts=(
        FrameworkPart("First", ("1", "2", "3")),
        FrameworkPart("Second", ("4", "5")),
        FrameworkPart("Third", ("6",), "It is about rooms."),
    ),
    controls={"1": ("AI-01", "AI-02"), "2": ("AI-02",), "3": ("AI-03",)},
)


def control(control_id: str, *references: str, **counts: int) -> ControlRollup:
    info = ControlInfo(control_id, "A title", "AI", Severity.HIGH, mappings={"law": references})
    return ControlRollup(info, Severity.HIGH, {Status(k): n for k, n in counts.items()}, {}, 0)


FOUND = by_reference(
    LAW, [control("AI-01", "1 (opposite)", fail=2), control("AI-02", "1", "2", fail=1, unknown=4)]
)


def test_each_reference_has_the_controls_that_bear_on_it_in_the_order_of_the_report() -> None:
    entries = [
        (e.reference, e.title, [b.control.info.id for b in e.controls]) for e in FOUND.entries
    ]
    assert entries == [("1", "First", ["AI-01", "AI-02"]), ("2", "First", ["AI-02"])]


def test_the_counts_of_a_reference_are_those_of_its_controls() -> None:
    assert FOUND.entries[0].counts == {Status.FAIL: 3, Status.UNKNOWN: 4}


def test_what_the_baseline_asks_otherwise_is_marked() -> None:
    assert [b.relation for b in FOUND.entries[0].controls] == ["opposite", ""]


def test_a_reference_whose_controls_were_not_assessed_is_distinguished_from_one_without_any() -> (
    None
):
    first, second, third = FOUND.open
    assert (dict(first.unassessed), first.unclaimed) == ({"3": ("AI-03",)}, ())
    assert (dict(second.unassessed), second.unclaimed) == ({}, ("4", "5"))
    assert third.outside == "It is about rooms."


def test_all_references_are_accounted_for() -> None:
    assert FOUND.references == 6
    assert len(FOUND.entries) + FOUND.unassessed + FOUND.unclaimed == FOUND.references


def test_only_words_about_the_relation_are_taken_off_a_reference() -> None:
    assert split_reference("1.2 (differs)") == ("1.2", "differs")
    assert split_reference("Art 5(1)(a)") == ("Art 5(1)(a)", "")
    assert LAW.name == "The Law (1)"
