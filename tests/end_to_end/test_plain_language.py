"""No text for people has the machine's words, in one audit of an account that has drifted."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from statistics import median

import junitparser
import pytest

from auditor.policy.catalogue import glossary
from tests.cli.accounts import Account
from tests.end_to_end.conftest import Auditor, served
from tests.notify.receivers import webhook

pytestmark = pytest.mark.slow

KEY = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)*(?:\.[a-z0-9_]+)*\.[a-z0-9]+(?:_[a-z0-9]+)+\b")
SCOPE = re.compile(r"(?<!OAuth )(?<!lacks a )(?<!> )\bscopes?\b", re.IGNORECASE)
"""A place called a scope; Zoom calls the permissions of an app so."""
REPLACED = {word for term in glossary.terms() for word in term.instead_of} - {"check", "checks"}
REPLACED_WORD = re.compile(
    rf"(?<!phone )(?<!Zoom Phone )\b(?:{'|'.join(sorted(REPLACED))})\b", re.IGNORECASE
)
OF_OTHERS = re.compile(
    r"(?-i:'[A-Z][^']*')|User\s+Management|information for users"
    r"|\\?>\s+\w[^>|\n]*(?:\n {2,}\w[^>|\n]*)*"  # a path in Zoom's portal, wrapped or not
    r"|\bdepth\s+user\b|\(\w+(?:[.-]\w+)+\)",
    re.IGNORECASE,
)
"""Words of Zoom's portal, of a framework and of options, and keys in brackets: small print."""
OF_THE_GATE = re.compile(r"[\d,]+ (?:new )?deviations?[^.]*unknown[^.]*\.|/users/\S*")
SENTENCE = re.compile(r"(?<=[.?!:;…])\s+|::|\s*(?: [>|›–·] |\n\s*[-?!\d.]*)\s*")
MOST_WORDS = 25
MEDIAN = 14
COMMAS = 3
"""A list has more: it is as long as what it lists."""
RECORDED = "recording.cloud_recording_download"
SMALL_PRINT = ("code", "style", "script", "title", "q")
"""Keys and commands, and Zoom's own words."""
BLOCKS = re.compile(r"p|li|t[dhr]|d[tdiv]+|h\d|summary|small|option|caption|span")


class Visible(HTMLParser):
    """The text of a page outside its small print, a block a line."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self._inside = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._inside += tag in SMALL_PRINT
        self.words += ["\n"] * bool(BLOCKS.fullmatch(tag))

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag in SMALL_PRINT
        self.words += ["\n"] * bool(BLOCKS.fullmatch(tag))

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.words.append(" ".join(data.split()) + " ")


def messages_of_sarif(text: str) -> str:
    (run,) = json.loads(text)["runs"]
    return "\n".join(result["message"]["text"] for result in run["results"])


def messages_of_junit(text: str) -> str:
    suites = junitparser.JUnitXml.fromstring(text.encode())
    results = [result for suite in suites for case in suite for result in case.result]
    return "\n".join(str(result.message) for result in results)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder: Path = tmp_path_factory.mktemp("plain")
    with served("drifted", users=6, groups=2) as sandbox:
        account = Account(sandbox, Auditor(folder, sandbox))
        account.night()

        def report(format_: str) -> str:
            return account("report", "latest", "--format", format_).out

        summary = folder / "summary.md"
        summary.touch()
        env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
        made = {
            "text": report("text"),
            "markdown": report("markdown"),
            "html": "".join(Visible(report("html")).words),
            "sarif": messages_of_sarif(report("sarif")),
            "junit": messages_of_junit(report("junit")),
            "inventory": account("inventory").out,
            "questions": account("ask").out,
            "gate": account.gate().out,
            "annotations": account.gate(env=env).out,
            "job summary": summary.read_text(encoding="utf-8"),
            "decisions": account("decide", "--list").out,
            "attestations": account("attest", "--list").out,
            "explanation": account("explain", person_of(report("json"))).out,
        }
        account.summaries(on=False)
        sandbox.change(level="account", setting=RECORDED, value=True, operator="dana@example.com")
        with webhook() as hook:
            account.night("--notify", f"json://{hook.host}")
            (message,) = hook.documents
        made["message"] = f"{message['title']}\n{message['message']}"
        made["drift"] = account("diff").out
    for name in ("markdown", "job summary"):
        made[name] = re.sub(r"`[^`\n]*`", "", made[name])
    return made


def person_of(report: str) -> str:
    """The name of a person with a finding."""
    findings = json.loads(report)["findings"]
    names = [f["scope"]["name"] for f in findings if f["scope"]["level"] == "user"]
    return str(min(names))


def sentences_of(text: str) -> list[str]:
    """Sentences, cells of tables and lines, without lists; wrapped lines are joined."""
    joined = re.sub(r"\n +(?!(?:critical|high|medium|low|lock of) )(?=[a-z(])", " ", text)
    parts = (" ".join(part.split()) for part in SENTENCE.split(joined))
    return [part for part in parts if part and part.count(",") <= COMMAS]


@pytest.mark.parametrize(
    "name",
    [
        *("text", "markdown", "html", "sarif", "junit", "inventory", "questions"),
        *("gate", "annotations", "job summary"),
        *("decisions", "attestations", "explanation", "message", "drift"),
    ],
)
def test_no_text_for_people_has_the_words_of_the_machine(texts: dict[str, str], name: str) -> None:
    text = OF_THE_GATE.sub("", OF_OTHERS.sub("", texts[name]))
    assert "AI" in text
    assert KEY.findall(text) == []
    assert SCOPE.findall(text) == []
    assert REPLACED_WORD.findall(text) == []
    assert "derived:" not in text
    assert "`" not in text
    lengths = {sentence: len(sentence.split()) for sentence in sentences_of(text)}
    assert [each for each, words in lengths.items() if words > MOST_WORDS] == []
    assert median(lengths.values()) <= MEDIAN
