"""Every text for people in `policies/`: short sentences, and no word of the machine's."""

import re
from collections.abc import Callable, Iterator
from statistics import median

import pytest

from auditor.policy.catalogue import files, frameworks, glossary, parameters
from auditor.policy.catalogue.questions import shipped as shipped_questions
from auditor.policy.catalogue.words import setting_fact, words

MOST_WORDS = 25
MEDIAN = 14
MACHINE = re.compile(r"`|derived:|\b[a-z]+(?:_[a-z0-9]+)+\b")
"""Back-ticks, and keys of settings and parameters."""
REPLACED = {word for term in glossary.terms() for word in term.instead_of}
REPLACED_WORD = re.compile(rf"(?<!phone )\b(?:{'|'.join(sorted(REPLACED))})\b", re.IGNORECASE)
LABEL = re.compile(r"'[A-Z][^']*'")
"""Zoom's own words for a switch, as they stand in its portal."""


def of_controls() -> Iterator[str]:
    for control in files.shipped_catalogue():
        facts = control.facts
        assert facts is not None
        yield from (control.title, control.why, control.know, control.fix.note or "")
        yield from (facts.broken, facts.obeyed, facts.unlocked)
        if control.attestation is not None:
            yield from (control.attestation.question, control.attestation.evidence)


def of_words() -> Iterator[str]:
    for setting, entry in words().items():
        yield from (entry.name, setting_fact(setting, True), setting_fact(setting, False))
        yield from entry.values.values()


def of_frameworks() -> Iterator[str]:
    for framework in frameworks.shipped().values():
        yield framework.not_claimed
        yield from (text for part in framework.parts for text in (part.title, part.outside))


def of_parameters() -> Iterator[str]:
    yield from (each.meaning for each in parameters.known_parameters().values())


def of_questions() -> Iterator[str]:
    yield from (each.question for each in shipped_questions().questions)


def of_the_glossary() -> Iterator[str]:
    yield from (term.means for term in glossary.terms())


@pytest.mark.parametrize(
    "texts", [of_controls, of_words, of_frameworks, of_parameters, of_questions, of_the_glossary]
)
def test_people_read_short_sentences_in_their_own_words(texts: Callable[[], Iterator[str]]) -> None:
    unlabelled = [LABEL.sub("", text.replace("{whom}", "64 people")) for text in texts()]
    sentences = [each for text in unlabelled for each in re.split(r"(?<=[.?!:;])\s+", text) if each]
    lengths = [len(sentence.split()) for sentence in sentences]
    assert median(lengths) <= MEDIAN
    assert [each for each in sentences if len(each.split()) > MOST_WORDS] == []
    assert [each for each in sentences if MACHINE.search(each)] == []
    assert [each for each in sentences if REPLACED_WORD.search(each)] == []
