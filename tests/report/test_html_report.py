import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest

from auditor.evidence.diff import SettingChange
from auditor.evidence.scope import Level, Scope
from auditor.findings.drift import ChangeKind
from auditor.findings.model import Actor, FindingKind, Status
from auditor.findings.rollup import roll_up
from auditor.policy.catalogue.questions import shipped
from auditor.report import Options, headline, summary_wording, wording
from auditor.report.html_report import MOST_NAMES, render_page
from auditor.report.pdf_report import LIMITS
from tests.every_case import every_case
from tests.report import past_worlds, worlds
from tests.report.conftest import Render, every_run, rendered

VOID = {"meta", "link", "input", "wbr", "br", "img", "path", "rect", "circle", "use"}


class Page(HTMLParser):
    """The tags, attributes and text of a page; fails on tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@cache
def every_page() -> Mapping[str, Page]:
    """The page of every run, passes included."""
    return {
        name: Page(rendered(run, "html", include_passes=True).decode())
        for name, run in every_run().items()
    }


@every_case("page", every_page)
def test_every_tag_is_closed_in_its_place(page: Page) -> None:
    assert page.open == []


def test_the_heading_answers_the_question(render: Render) -> None:
    html = render(worlds.everything(), "html")
    (heading,) = re.findall(r"<h1>(.*?)</h1>", html)
    assert heading == headline.worst_fact(worlds.everything(), roll_up(worlds.everything()))


@every_case("page", every_page)
def test_the_page_asks_for_nothing_from_outside(page: Page) -> None:
    for tag, attrs in page.tags:
        assert tag not in {"img", "iframe", "object", "embed", "base"}
        target = attrs.get("src") or attrs.get("href") or "#"
        assert target.startswith("#") or target == "data:,"


@every_case("page", every_page)
def test_no_attribute_runs_script_or_styles(page: Page) -> None:
    for _, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on") or name == "style"]


def test_the_policy_allows_this_style_and_script_alone(render: Render) -> None:
    html = render(worlds.everything(), "html")
    policy = next(a["content"] for t, a in Page(html).tags if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (body,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_hostile_names_stay_text(render: Render) -> None:
    html = render(worlds.hostile(), "html")
    page = Page(html)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert "<script>alert(1)</script>" in page.words
    assert "{{ 7*7 }}" in page.words
    assert not set(html) & set("\x1b\x9b\x00\r\u202e\u200f\u2028")
    assert "x" * 700 not in html


def test_equal_rows_are_one_and_name_at_most_a_thousand(render: Render) -> None:
    html = render(worlds.large(), "html")
    assert "2,000 people" in Page(html).words
    assert "and 1,000 more" in Page(html).words
    assert html.count('<li class="row"') == 5
    assert html.count("<li><bdi>") <= 7 * MOST_NAMES
    assert len(html) < 1_000_000


def test_a_deviation_says_what_is_what_should_be_who_and_how_to_close_it(render: Render) -> None:
    words = Page(render(worlds.everything(), "html")).words
    for text in (
        "is on",
        "should be off",
        "the value of the account",
        "the person, group admins, account admins",
        "GET /users/{userId}/settings",
        "2026-11-21 21:58 UTC",
        worlds.CONTROLS["AI-01"].fix_portal,
        "PATCH /accounts/me/settings",
        "Art 5(1)(b), Art 25(2)",
    ):
        assert text in words, text
    assert "CIS Zoom" not in words


def test_locks_are_a_separate_section(render: Render) -> None:
    html = render(worlds.everything(), "html")
    locks = html[html.index('id="locks"') : html.index('id="unknown"')]
    assert "CN-05" in locks
    assert "should be <b>locked</b>" in locks
    assert 'id="control-CN-05"' not in html
    assert 'href="#lock-CN-05"' in html


def test_a_rule_with_a_wrong_value_and_no_lock_says_once_how_to_fix_it(render: Render) -> None:
    value = worlds.deviation(level=Level.ACCOUNT)
    lock = replace(value, kind=FindingKind.LOCK)
    html = render(worlds.run_of([worlds.judged(worlds.account(), [value, lock])]), "html")
    assert html.count(f'id="control-{value.control}-fix"') == 1
    assert f'id="lock-{value.control}-fix"' not in html
    assert f'how to fix it: <a href="#control-{value.control}">' in html


@every_case("page", every_page)
def test_every_link_inside_the_page_leads_somewhere(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.tags:
        href = attrs.get("href", "")
        assert not href.startswith("#") or href[1:] in ids, href


def test_unknowns_stand_under_their_cause_with_the_remedy(render: Render) -> None:
    words = Page(render(worlds.all_unknown(), "html")).words
    assert "the app lacks user:read:settings:admin" in words
    assert "Not returned by Zoom" in words
    assert "7 rules have no answer" in words


def test_a_clean_run_shows_no_unknown_and_says_what_it_does_not_cover(render: Render) -> None:
    words = Page(render(worlds.clean(), "html")).words
    assert all(" ".join(s.split()) in words for s in wording.not_covered(worlds.clean()))
    assert "180 kept" in words


def test_an_empty_run_claims_nothing(render: Render) -> None:
    words = Page(render(worlds.empty(), "html")).words
    assert "Nothing was judged" in words
    assert "None was found." not in words


def test_passes_are_folded_in_when_asked_for(render: Render) -> None:
    run = worlds.everything()
    assert 'id="passes"' not in render(run, "html")
    assert 'id="passes"' in render(run, "html", include_passes=True)


@every_case("page", every_page)
def test_no_percentage_is_ever_shown(page: Page) -> None:
    assert not re.search(r"\d\s?%", page.words.replace("{%", ""))


def test_every_table_has_a_caption_and_heads_with_a_scope(render: Render) -> None:
    page = Page(render(worlds.everything(), "html", include_passes=True))
    tags = [tag for tag, _ in page.tags]
    assert tags.count("table") == tags.count("caption") >= 8
    assert all(attrs.get("scope") in {"col", "row"} for tag, attrs in page.tags if tag == "th")
    assert {"main", "nav", "header", "footer"} <= set(tags)
    assert tags.count("h1") == 1


def test_the_parts_of_the_bar_fill_it(render: Render) -> None:
    page = Page(render(worlds.everything(), "html"))
    widths = [float(a["width"]) for t, a in page.tags if a.get("class", "").startswith("bar ")]
    assert sum(widths) == pytest.approx(1000, abs=0.1)


def test_the_questions_people_ask_are_answered_where_the_run_kept_its_passes(
    render: Render,
) -> None:
    run = replace(worlds.all_unknown(), questions=shipped().questions)
    words = Page(render(run, "html")).words
    assert "What people ask" in words
    assert all(" ".join(question.question.split()) in words for question in run.questions)
    assert "What people ask" not in Page(render(worlds.all_unknown(), "html")).words


def test_the_sections_come_in_order_of_severity(render: Render) -> None:
    html = render(worlds.rich(), "html", include_passes=True)
    assert re.findall('<section id="([a-z]+)"', html) == [
        "changes",
        "questions",
        "deviations",
        "locks",
        "unknown",
        "due",
        "settled",
        "relaxing",
        "uncovered",
        "passes",
        "errors",
        "coverage",
        "about",
        "glossary",
    ]
    assert html.index("<h1>") < html.index('id="changes"')
    assert html.index('id="changes"') < html.index('id="overview"') < html.index('id="deviations"')


def test_the_line_below_the_heading_is_the_gate(render: Render) -> None:
    words = Page(render(worlds.rich(), "html")).words
    assert summary_wording.gate(worlds.rich()) in words


def test_unknown_stands_among_the_numbers_with_what_it_is_of(render: Render) -> None:
    words = Page(render(worlds.everything(), "html")).words
    assert re.search(r"\d+ \? no answer of 9 rules", words)
    assert re.search("1,291 of 1,349 checks .*53 without an answer, 5 to decide or attest", words)


def test_a_deviation_opens_to_its_chain(render: Render) -> None:
    html = render(worlds.rich(), "html")
    chain = html.partition('class="chain"')[2].partition("</table>")[0]
    _, *layers = (row.split("<td>") for row in re.split("<tr[ >]", chain)[1:])
    names = [re.findall("account|group|person", row[0])[0] for row in layers]
    assert names == ["account", "group", "person"]
    assert ["decides" in row[-1] for row in layers] == [False, False, True]


def test_without_a_chain_no_table_is_shown(render: Render) -> None:
    assert 'class="chain"' not in render(worlds.everything(), "html")


def test_deviations_stand_under_their_severity_the_worst_first(render: Render) -> None:
    html = render(worlds.everything(), "html")
    assert re.findall(r'class="band" id="control-([a-z]+)"', html) == [
        "critical",
        "high",
        "medium",
        "low",
    ]


def test_the_last_run_is_compared_where_there_is_one(render: Render) -> None:
    words = Page(render(worlds.rich(), "html")).words
    assert "40 → 50 (10 more)" in words
    assert "over 3 runs" in words
    assert 'id="changes"' not in render(worlds.everything(), "html")


def test_the_trend_shows_coverage_with_its_total_and_incomplete_runs(render: Render) -> None:
    html = render(past_worlds.run(), "html")
    (trend,) = re.findall(r'<svg [^>]*aria-labelledby="trend-title.*?</svg>', html, re.DOTALL)
    text = " ".join(trend.split())
    assert re.search("177 of 180 checks .*198 of 199 checks", text)
    assert "2 runs incomplete" in text
    assert trend.count('<path class="gap"') == 2
    assert re.findall(r"\d+\s?%", Page(html).words) == ["100 %", "0 %"]


def test_rows_say_that_they_changed_only_where_they_did(render: Render) -> None:
    html = render(past_worlds.run(), "html")
    rows = [a for _, a in Page(html).tags if a.get("class") == "row"]
    changed = {row["data-control"] for row in rows if "data-changed" in row}
    assert changed == {"CN-05", "RC-02"}
    assert 'class="life' not in render(worlds.rich(), "html")


def test_hostile_words_of_the_log_stay_text(render: Render) -> None:
    hostile = past_worlds.lasting(worlds.hostile())
    actor = Actor(worlds.HOSTILE["markup"], past_worlds.NOW, worlds.HOSTILE["rtl"])
    past = replace(past_worlds.NEW, changed_by=actor)
    drift = replace(
        past_worlds.drift(),
        changes=[
            past_worlds.changed(ChangeKind.REGRESSED, scope.scope, scope.verdicts[0], None, actor)
            for scope in hostile.assessments
        ],
        notes=(worlds.HOSTILE["markup"],),
        settings=[
            SettingChange(scope.scope, "GET /x", scope.scope.name[:300], "<b>", "\u202e")
            for scope in hostile.assessments
        ],
    )
    run = replace(
        hostile, histories=lambda fingerprints: dict.fromkeys(fingerprints, past), drift=drift
    )
    html = render(run, "html")
    page = Page(html)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert "img" not in {tag for tag, _ in page.tags}
    assert not set(html) & set("\x1b\x9b\x00\r\u202e\u200f\u2028")
    assert "by <script>alert(1)</script>" in page.words


def test_in_print_the_history_is_included_and_nothing_can_be_clicked() -> None:
    text = "".join(render_page(past_worlds.run(), Options(), LIMITS, paged=True))
    words = Page(text).words
    assert "2 of 14 broken again" in words
    assert "since the previous run" in words
    for part in ("<button", "<script", "data-changed", "data-mark", 'id="said"'):
        assert part not in text


def test_a_history_of_every_row_makes_the_file_only_a_little_larger(render: Render) -> None:
    alone = worlds.huge(users=500, kinds=100)
    plain, with_history = (render(run, "html") for run in (alone, past_worlds.lasting(alone)))
    assert len(with_history) < 1.3 * len(plain)
    assert with_history.count('class="life') > 60


def test_every_picture_says_in_words_what_it_shows(render: Render) -> None:
    html = render(worlds.rich(), "html")
    pictures = re.findall(r'<svg [^>]*role="img".*?</svg>', html, re.DOTALL)
    assert len(pictures) >= 8
    for picture in pictures:
        assert "<title" in picture or "aria-label=" in picture
    titles = re.findall(r'<title id="by-group-\d+">(.*?)</title>', html)
    assert titles == [
        "“Clinical Ops”, 17 of 37 members have a broken rule",
        "“Studio”, 9 of 19 members have a broken rule",
    ]


def test_a_group_that_relaxes_the_account_is_named_as_such(render: Render) -> None:
    html = render(worlds.relaxed(), "html")
    section = html[html.index('id="relaxing"') : html.index('id="uncovered"')]
    assert "Sales" in section
    assert "RC-02" in section
    assert "AI-01" not in section


def test_the_filter_offers_what_some_row_has(render: Render) -> None:
    html = render(worlds.rich(), "html")
    form = html[html.index('<form id="filter"') : html.index("</form>")]
    for offered in (
        "<option>AI features</option>",
        '<option value="user">person</option>',
        '<option value="g001" data-at="0">Clinical Ops</option>',
        "<option>dpo@example.com</option>",
    ):
        assert offered in form
    assert "meeting</option>" not in form
    assert '<option value="pass">' not in form


@pytest.mark.slow
def test_users_no_two_of_whom_are_alike_do_not_make_a_file_nobody_can_open(render: Render) -> None:
    html = render(worlds.scattered(), "html")
    assert len(html) < 5_000_000
    assert html.count('<li class="row"') == 1000
    assert "and 5,000 more rows for 5,000 checks" in Page(html).words


def test_new_settings_beyond_the_first_are_counted(render: Render) -> None:
    verdicts = [
        worlds.deviation(
            "TP-01",
            Level.ACCOUNT,
            kind=FindingKind.UNCOVERED,
            status=Status.NEEDS_DECISION,
            setting=f"in_meeting.new_{at:04}",
        )
        for at in range(1100)
    ]
    run = worlds.run_of([worlds.judged(worlds.account(), verdicts)])
    assert "and 100 more settings" in Page(render(run, "html")).words


def test_pseudonyms_are_owned_to(render: Render) -> None:
    run = worlds.everything()
    text = "keyed pseudonyms stand for names"
    assert text in render(replace(run, pseudonymised=True), "html")
    assert text not in render(run, "html")


def test_the_shades_of_the_topics_name_phone_sites_where_there_are_some(render: Render) -> None:
    run = worlds.everything()
    assert "account groups people meetings" in Page(render(run, "html")).words
    coverage = {**run.summary.coverage, Level.PHONE_SITE: 1}
    with_sites = replace(run, summary=replace(run.summary, coverage=coverage))
    assert "account groups and phone sites people" in Page(render(with_sites, "html")).words


@pytest.mark.parametrize(
    ("others", "cause"),
    [(0, "as in their group “Sales”"), (2, "1 of these 3 as in their group “Sales”")],
)
def test_a_row_of_people_says_that_their_group_has_the_same_value(
    render: Render, others: int, cause: str
) -> None:
    at_group = worlds.deviation("AI-01", Level.GROUP)
    at_user = replace(worlds.deviation("AI-01"), setting=at_group.setting, decided_by=Level.USER)
    run = worlds.run_of(
        [
            worlds.judged(worlds.group(1, "Sales"), [at_group]),
            worlds.judged(replace(worlds.user(1), group_ids=("g001",)), [at_user]),
            *(worlds.judged(worlds.user(2 + number), [at_user]) for number in range(others)),
        ]
    )
    words = Page(render(run, "html")).words
    assert summary_wording.same_as_group([("Sales", 1)], 1 + others) in words
    assert cause in words
    assert cause in render(run, "markdown")
    assert "the value of the person, or of their group" in words


def test_a_column_of_several_levels_is_no_part_of_one_number(render: Render) -> None:
    at = [worlds.judged(Scope(level, level, level), [worlds.deviation()]) for level in Level]
    assert ">others</th>" in render(worlds.run_of(at), "html")
