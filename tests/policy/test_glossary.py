"""The glossary: one word for one thing, the same in the reports and in the documentation."""

import re
from pathlib import Path

from auditor.findings.model import Status
from auditor.policy.catalogue.glossary import terms
from auditor.report import glossary

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_the_documentation_is_the_glossary_of_the_reports() -> None:
    assert (DOCS / "glossary.md").read_text(encoding="utf-8") == glossary.page()


def test_every_status_of_the_contract_has_a_word() -> None:
    assert {*Status} - {word for term in terms() for word in term.contract} == set()


def test_no_term_explains_itself_with_a_word_that_another_term_replaces() -> None:
    names = {term.term for term in terms()}
    assert len(names) == len(terms())
    replaced = {word for term in terms() for word in term.instead_of}
    used = [
        (term.term, word)
        for term in terms()
        for word in replaced
        if re.search(rf"\b{word}\b", term.means)
    ]
    assert used == []
    assert names & replaced == set()
