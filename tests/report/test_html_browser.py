"""The HTML report in a real browser: behaviour, network silence and accessibility."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Locator, Page, sync_playwright

from auditor.evidence.scope import Level
from auditor.findings.run import Run
from tests.report import past_worlds, worlds
from tests.report.conftest import Render

CHROMIUM = shutil.which("chromium")
pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

LOAD_SECONDS = 10.0
"""Time limit for opening the largest report, on a machine that runs other tests as well. Alone, it
opens in less than one."""
LARGEST = 15_000_000
"""Bytes of the largest report."""


@dataclass
class Opened:
    """An open report, and what it did that it should not."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def count(self) -> str:
        return str(self.page.locator("#count").inner_text())

    def rows(self) -> int:
        """The rows that the filter leaves, folded ones included."""
        return int(self.page.locator("main .row:not(.again):not([hidden])").count())


Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"], timeout=90_000
        )
        yield chromium
        chromium.close()


@pytest.fixture
def open_report(browser: Browser, render: Render, tmp_path: Path) -> Iterator[Open]:
    """Opens a run's report: `open_report(run, color_scheme="dark", at="#q=x")`."""
    contexts: list[BrowserContext] = []

    def opened(run: Run, at: str = "", **context: Any) -> Opened:
        file = tmp_path / "report.html"
        file.write_text(render(run, "html"), encoding="utf-8")
        contexts.append(browser.new_context(timezone_id="Europe/Berlin", **context))
        report = Opened(contexts[-1].new_page())
        report.page.on("console", lambda message: report.complaints.append(message.text))
        report.page.on("pageerror", lambda error: report.complaints.append(str(error)))
        report.page.on("request", lambda request: report.requests.append(request.url))
        report.page.goto(file.as_uri() + at)
        return report

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def rich(open_report: Open) -> Opened:
    return open_report(worlds.rich())


@pytest.mark.parametrize("world", [worlds.rich, past_worlds.run, worlds.hostile, worlds.empty])
def test_the_page_asks_for_nothing_and_complains_of_nothing(
    world: Callable[[], Run], open_report: Open
) -> None:
    report = open_report(world())
    assert report.complaints == []
    assert [url for url in report.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in report.requests if url.startswith("file:")]) == 1


def test_initially_every_row_and_every_check_is_shown(rich: Opened) -> None:
    rows = rich.rows()
    assert rich.count().startswith(f"{rows} of {rows} rows, ")
    assert rich.page.locator("#filtered").is_hidden()


@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [
        ("status", "unknown", '[data-status="unknown"]'),
        ("topic", "Recording", '[data-topic="Recording"]'),
        ("level", "group", '[data-level^="group"]'),
        ("control", "RC-02", '[data-control="RC-02"]'),
        ("owner", "dpo@example.com", '[data-owner="dpo@example.com"]'),
        ("group", "g002", '[data-group~="1"]'),
    ],
)
def test_a_choice_leaves_the_rows_that_have_it(
    rich: Opened, name: str, value: str, attribute: str
) -> None:
    before = rich.rows()
    rich.page.select_option(f"select[name={name}]", value)
    expected = rich.page.locator(f"main .row:not(.again){attribute}").count()
    assert rich.rows() == expected
    assert 0 < expected < before
    assert rich.count().startswith(f"{expected} of {before} rows")


def test_choices_hold_together(rich: Opened) -> None:
    rich.page.select_option("select[name=topic]", "Recording")
    rich.page.select_option("select[name=status]", "waived")
    assert rich.rows() == 1


def test_a_severity_can_be_left_out(rich: Opened) -> None:
    rich.page.get_by_role("checkbox", name="critical").focus()
    rich.page.keyboard.press("Space")
    assert rich.page.locator('main .row[data-severity="critical"]:visible').count() == 0
    assert "severity=high%2Cmedium%2Clow" in rich.page.url


def test_the_search_finds_titles_settings_and_names(rich: Opened) -> None:
    for words in ("local recording", "recording.rc-02", "clinical ops"):
        rich.page.get_by_role("searchbox").fill(words)
        assert 0 < rich.rows() < 20, words
    rich.page.get_by_role("searchbox").fill("no such thing")
    assert rich.rows() == 0
    assert rich.count().startswith("0 of ")
    assert rich.page.locator(".control:visible, .cause:visible, .band:visible").count() == 0


def test_changed_only_is_offered_where_there_is_a_history(open_report: Open) -> None:
    without = open_report(replace(worlds.rich(), trend=past_worlds.TREND))
    assert without.page.locator("[name=changed]").is_hidden()
    assert open_report(past_worlds.run()).page.locator("[name=changed]").is_visible()


def test_changed_only_leaves_new_and_regressed_rows_and_is_in_the_address(
    open_report: Open,
) -> None:
    report = open_report(past_worlds.run())
    report.page.get_by_role("checkbox", name="changed only").focus()
    report.page.keyboard.press("Space")
    before_text = report.count()
    assert before_text.startswith("3 of 5 rows, 16 of 18 checks")
    assert report.page.locator("main .row:visible:not(:has(.life))").count() == 0
    assert report.page.url.endswith("#changed=1")
    report.page.reload()
    assert report.count() == before_text
    assert report.page.locator("[name=changed]").is_checked()
    report.page.get_by_role("button", name="Show all").click()
    report.page.wait_for_function("!location.hash")  # a form is reset after its button was
    assert report.rows() == 5


def first_opened(report: Opened, words: str) -> Locator:
    """The first deviation that tells these words, opened by keyboard."""
    row = report.page.locator("main .rows > .row", has_text=words).first
    row.locator("summary").focus()
    report.page.keyboard.press("Enter")
    return row


CLIPBOARD = ["clipboard-read", "clipboard-write"]


def test_a_deviation_is_copied_as_json_by_keyboard_and_announced(open_report: Open) -> None:
    report = open_report(past_worlds.run(), permissions=CLIPBOARD)
    row = first_opened(report, "14 people")
    row.get_by_role("button", name="Copy as JSON").focus()
    report.page.keyboard.press("Enter")
    status = report.page.locator("#said")
    status.get_by_text("Copied as JSON.").wait_for(state="attached")
    assert status.get_attribute("aria-live") == "polite"
    before_text = json.loads(report.page.evaluate("navigator.clipboard.readText()"))
    names = [scope["name"] for scope in before_text.pop("scopes")]
    assert names == [f"User {at:02}" for at in range(14)]
    assert before_text == {
        "control": "RC-02",
        "title": "Local recording is off",
        "setting": "recording.rc-02",
        "status": "fail",
        "severity": "high",
        "observed": True,
        "expected": False,
        "levels": {"user": 14},
        "decided_by": "the value of the person",
        "who_can_change_it": "the person, group admins, account admins",
        "evidence": "GET /users/{userId}/settings",
        "seen": "2026-11-21 21:58 UTC",
        "history": "2 of 14 broken again since the previous run, 3 new, 9 as before\n"
        "broken again: User 00, User 01\nnew: User 02, User 03, User 04",
        "first_seen": "2026-11-02 22:00 UTC to 2026-11-21 22:04 UTC",
        "changed_by": "eve@example.com, 2026-11-21 09:14 UTC, 5 of 14 "
        "Settings - Local recording: from Off to On",
    }
    assert report.complaints == []


def test_the_json_of_one_finding_names_it_by_its_fingerprint(open_report: Open) -> None:
    run = past_worlds.run()
    report = open_report(run, permissions=CLIPBOARD)
    row = first_opened(report, "Studio")
    row.get_by_role("button", name="Copy as JSON").click()
    report.page.get_by_role("button", name="Copied").wait_for()
    before_text = json.loads(report.page.evaluate("navigator.clipboard.readText()"))
    (fingerprint,) = [f.fingerprint for f in run.findings() if f.scope.name == "Studio"]
    assert before_text["fingerprint"] == fingerprint
    assert before_text["scopes"] == [{"name": "Studio"}]


@pytest.mark.parametrize("clipboard", ["absent", "refusing"])
def test_if_the_clipboard_is_refused_the_json_is_shown_and_selected(
    open_report: Open, clipboard: str
) -> None:
    report = open_report(worlds.hostile())
    report.page.evaluate(
        "how => Object.defineProperty(navigator, 'clipboard', { value: how === 'absent' ? undefined"
        " : { writeText: () => Promise.reject(new Error('refused')) } })",
        clipboard,
    )
    row = first_opened(report, "should be")
    row.get_by_role("button", name="Copy as JSON").click()
    area = row.get_by_role("textbox", name="This deviation as JSON")
    assert json.loads(area.input_value())["control"] == "AI-01"
    assert area.evaluate("a => a.readOnly && a === document.activeElement")
    assert area.evaluate("a => a.selectionEnd - a.selectionStart === a.value.length")
    report.page.locator("#said").get_by_text("does not let this page use the clipboard").wait_for(
        state="attached"
    )
    assert report.complaints == []


def test_without_javascript_nothing_offers_to_copy(open_report: Open) -> None:
    page = open_report(past_worlds.run(), java_script_enabled=False).page
    page.locator("#deviations summary").first.click()
    assert page.get_by_text("Copy as JSON").count() == 0
    assert page.get_by_text("as before: broken then, too").is_visible()


@pytest.mark.parametrize("look", ["light", "dark"])
def test_axe_finds_nothing_serious_in_a_history(open_report: Open, look: str) -> None:
    report = open_report(past_worlds.run(), color_scheme=look)
    report.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    report.page.get_by_role("button", name="Copy as JSON").first.wait_for()
    violations = Axe().run(report.page).response["violations"]
    assert [item["id"] for item in violations if item["impact"] in ("serious", "critical")] == []
    assert report.complaints == []


def test_the_filter_is_in_the_address_and_comes_back_on_reload(rich: Opened) -> None:
    rich.page.select_option("select[name=status]", "fail")
    rich.page.select_option("select[name=level]", "user")
    rich.page.get_by_role("searchbox").fill("recording")
    before_text, address = rich.count(), rich.page.url
    assert address.endswith("#q=recording&status=fail&level=user")
    rich.page.reload()
    assert rich.count() == before_text
    assert rich.page.url == address
    assert rich.page.input_value("select[name=level]") == "user"


def test_a_link_into_the_page_keeps_the_filter(rich: Opened) -> None:
    rich.page.select_option("select[name=status]", "unknown")
    before_text = rich.count()
    rich.page.click('.contents a[href="#unknown"]')
    rich.page.wait_for_function("location.hash.includes('at=unknown')")
    rich.page.reload()
    assert rich.count() == before_text
    assert rich.page.evaluate("scrollY") > 500


def test_an_address_that_names_nothing_known_filters_nothing(open_report: Open) -> None:
    report = open_report(worlds.rich(), at="#status=gone&sort=99.9.up&control=XX-99")
    rows = report.rows()
    assert report.count().startswith(f"{rows} of {rows} rows")
    assert report.complaints == []


def test_show_all_takes_the_filter_off(rich: Opened) -> None:
    rich.page.get_by_role("searchbox").fill("recording")
    rich.page.get_by_role("button", name="Show all").click()
    rich.page.wait_for_function("!location.hash")
    rows = rich.rows()
    assert rich.count().startswith(f"{rows} of {rows} rows")
    assert "#" not in rich.page.url


def test_tables_sort_by_their_heads_and_remember_it(rich: Opened) -> None:
    table = rich.page.locator("#overview table")
    first = table.locator("tbody tr").first
    by_users = table.get_by_role("button", name="people")
    by_users.focus()
    rich.page.keyboard.press("Enter")
    assert table.locator("th[aria-sort=descending]").count() == 1
    most = int(first.locator('[data-label="people"]').inner_text())
    rich.page.keyboard.press("Enter")
    least = int(first.locator('[data-label="people"]').inner_text())
    assert least < most
    rich.page.reload()
    assert int(first.locator('[data-label="people"]').inner_text()) == least
    assert table.locator("th[aria-sort=ascending]").count() == 1


def test_severities_sort_by_weight_not_by_letter(rich: Opened) -> None:
    table = rich.page.locator("#overview table")
    table.get_by_role("button", name="Severity").click()
    before_text = table.locator("tbody tr [data-label=Severity]").all_inner_texts()
    assert before_text[0] == "critical"
    assert before_text[-1] == "low"


def test_everything_can_be_reached_by_keyboard(rich: Opened) -> None:
    rich.page.keyboard.press("Tab")
    assert rich.page.evaluate("document.activeElement.className") == "skip"
    rich.page.keyboard.press("Enter")
    seen = set()
    for _ in range(12):
        rich.page.keyboard.press("Tab")
        seen.add(rich.page.evaluate("document.activeElement.tagName"))
        if "SUMMARY" in seen:
            break
    rich.page.keyboard.press("Enter")
    assert rich.page.locator("#deviations details[open]").count() == 1
    assert rich.page.locator("#deviations table.chain:visible").count() == 1


def test_times_are_shown_in_local_time(rich: Opened) -> None:
    assert "Europe/Berlin" in rich.page.locator("#local").inner_text()
    assert "10:58" in (rich.page.locator(".run time").first.get_attribute("title") or "")


def test_without_javascript_everything_is_there_to_read(open_report: Open) -> None:
    report = open_report(worlds.rich(), java_script_enabled=False)
    page = report.page
    assert page.locator("#filter").is_hidden()
    assert page.get_by_role("heading", name="Broken rules", exact=True).is_visible()
    page.locator("#deviations summary").first.click()
    assert page.locator("#deviations table.chain").first.is_visible()


def contrast_ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_dark_is_dark(open_report: Open) -> None:
    light = contrast_ground(open_report(worlds.clean()).page)
    dark = contrast_ground(open_report(worlds.clean(), color_scheme="dark").page)
    assert light == "rgb(251, 250, 247)"
    assert dark == "rgb(21, 23, 27)"


@pytest.mark.parametrize(
    "look",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"color_scheme": "light", "contrast": "more"},
        {"color_scheme": "dark", "contrast": "more"},
        {"color_scheme": "light", "viewport": {"width": 400, "height": 800}},
    ],
    ids=["light", "dark", "light-contrast", "dark-contrast", "narrow"],
)
def test_axe_finds_nothing_serious(open_report: Open, look: dict[str, Any]) -> None:
    report = open_report(worlds.rich(), **look)
    report.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    violations = Axe().run(report.page).response["violations"]
    assert [
        (item["id"], item["impact"], item["nodes"][0]["html"][:200])
        for item in violations
        if item["impact"] in ("serious", "critical")
    ] == []


def test_axe_finds_nothing_serious_in_hostile_names(open_report: Open) -> None:
    violations = Axe().run(open_report(worlds.hostile()).page).response["violations"]
    assert [item["id"] for item in violations if item["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("width", [320, 400, 1400])
@pytest.mark.parametrize("world", [worlds.rich, past_worlds.run, worlds.hostile])
def test_the_page_is_never_wider_than_the_window(
    open_report: Open, width: int, world: Callable[[], Run]
) -> None:
    page = open_report(world(), viewport={"width": width, "height": 800}).page
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_names_run_nothing(open_report: Open) -> None:
    report = open_report(worlds.hostile())
    report.page.get_by_role("searchbox").fill("<script>alert(1)")
    assert report.rows() > 0
    assert report.page.evaluate("document.scripts.length") == 1
    assert report.complaints == []


@pytest.mark.needs("pdftotext")
def test_on_paper_deviations_and_unknowns_are_open(rich: Opened, tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    rich.page.pdf(path=str(paper), prefer_css_page_size=True)
    done = subprocess.run(
        ["pdftotext", "-layout", str(paper), "-"], capture_output=True, text=True, check=True
    )
    text = " ".join(done.stdout.split())
    assert "Where the value comes from" in text
    assert "Zoom privacy audit 1 of" in text
    assert "Find a rule" not in text
    assert rich.page.locator(".row details[open]").count() == 0


SQUEEZED = """() => {
  const context = document.createElement("canvas").getContext("2d"), found = [];
  for (const cell of document.querySelectorAll("th, td")) {
    const box = cell.getBoundingClientRect(), style = getComputedStyle(cell);
    if (!cell.checkVisibility() || !cell.textContent.trim()) continue;
    context.font = `${style.fontSize} ${style.fontFamily}`;
    if (box.width < context.measureText("00000000").width) found.push(["narrow", cell.innerText]);
    const text = document.createRange();
    text.selectNodeContents(cell);
    for (const line of text.getClientRects())
      if (line.width > 1 && line.right > box.right + 1) found.push(["overlaps", cell.innerText]);
  }
  return found;
}"""
"""The cells of tables that are under 8 characters wide, or whose text leaves them."""
TEXT_WIDTH = {"A4": 178, "Letter": 184}
"""Millimetres between the margins."""


@pytest.mark.parametrize("size", TEXT_WIDTH)
@pytest.mark.parametrize("world", [worlds.rich, worlds.every_level, worlds.hostile])
def test_on_paper_no_column_collapses_and_nothing_overlaps(
    open_report: Open, world: Callable[[], Run], size: str
) -> None:
    width = int(TEXT_WIDTH[size] / 25.4 * 96)
    page = open_report(world(), viewport={"width": width, "height": 1000}).page
    page.emulate_media(media="print")
    assert page.evaluate(SQUEEZED) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("history", [False, True], ids=["first", "with-a-history"])
def test_a_hundred_thousand_deviating_users_are_a_small_file_that_opens_at_once(
    open_report: Open, history: bool
) -> None:
    run = worlds.huge()
    report = open_report(past_worlds.lasting(run) if history else run)
    size = report.page.evaluate(
        "performance.getEntriesByType('navigation')[0].decodedBodySize || "
        "new TextEncoder().encode(document.documentElement.outerHTML).length"
    )
    assert size < LARGEST
    assert "1,100,301 of 1,100,301 checks" in report.count()
    took = min(opening(report.page) for _ in range(3))
    assert took < LOAD_SECONDS


def opening(page: Page) -> float:
    """Seconds until the page has loaded and its script has run."""
    page.reload()
    loaded: float = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    return loaded / 1000


@pytest.mark.parametrize("users", [2_000, 20_000])
def test_everybody_who_deviates_is_found_by_name_however_many_there_are(
    open_report: Open, users: int
) -> None:
    run = worlds.large(users=users)
    deviating = [item.scope for item in run.assessments if item.scope.level is Level.USER]
    report = open_report(run)
    for scope in (deviating[0], deviating[len(deviating) // 2], deviating[-1]):
        report.page.get_by_role("searchbox").fill(scope.label)
        assert report.rows() > 0, scope.label
        noted = report.page.locator("#filtered").inner_text()
        listed = report.page.locator("main .row:visible bdi", has_text=scope.label).count()
        assert listed or f"beyond the names in the rows: {scope.label}" in noted
    report.page.get_by_role("searchbox").fill(f"{deviating[-1].label} rc-02")
    assert report.page.locator('main .row:visible:not([data-control="RC-02"])').count() == 0
    report.page.get_by_role("searchbox").fill("nobody is called so")
    assert report.rows() == 0
    assert report.complaints == []
