"""The page of a roll-up in a real browser: on a desk, on a phone, in the dark and on paper."""

import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from auditor.fleet import html_output
from tests.fleet.samples import sample

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

LINES = """
    [...document.querySelectorAll('.accounts a.short, .accounts td.short > div')].filter(
        each => each.getBoundingClientRect().height
            > 2.2 * parseFloat(getComputedStyle(each).fontSize)
    ).length
"""
"""Rule ids and ages that are broken into lines."""


def test_the_page_fits_every_width_and_keeps_words_whole(tmp_path: Path) -> None:
    file = tmp_path / "fleet.html"
    links = {each.name: f"reports/{each.name}.html" for each in sample().accounts if each.facts}
    file.write_text(html_output.as_html(sample(), links), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"], timeout=90_000
        )
        for width, scheme in ((1280, "light"), (1280, "dark"), (390, "light")):
            page = browser.new_page(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page.goto(file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate(LINES) == 0
            found = Axe().run(page).response["violations"]
            assert [each["id"] for each in found] == [], (width, scheme)
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 690, "height": 900})  # A4 without its margins
        assert page.evaluate(LINES) == 0
        browser.close()
