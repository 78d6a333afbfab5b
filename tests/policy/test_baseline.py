"""Baselines: valid files, rejected files, and the merged result."""

import json
from pathlib import Path

import pytest

from auditor.findings.model import Severity
from auditor.policy.baseline import baselines as baseline
from auditor.policy.baseline.baselines import Baseline
from auditor.policy.catalogue import files
from auditor.policy.catalogue.errors import BaselineNotFound, PolicyError
from tests.builders import CATALOGUE

SUMMARY = "in_meeting.meeting_summary_with_ai_companion"
HEAD = 'id: mine\nversion: "1"\ntitle: Mine\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(folder: Path, text: str, name: str = "mine.yaml") -> Baseline:
    (folder / name).write_text(HEAD + text, encoding="utf-8")
    return baseline.load(str(folder / name), CATALOGUE)


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        loaded(folder, text)
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def test_every_shipped_baseline_loads_and_says_what_it_is() -> None:
    assert baseline.names() == ["cis-zoom-1.0", "consent-first", "education", "regulated", "strict"]
    for name in baseline.names():
        found = baseline.load(name, CATALOGUE)
        assert found.info.id == name
        assert found.info.version
        assert found.info.title
        assert found.info.digest.startswith("sha256:")
        assert list(found.assessed) == sorted(found.assessed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "controls:\n  AI-99: {expect: false}\n",
            'mine.yaml:5: controls.AI-99: no such control. Did you mean "AI-09"?',
        ),
        (
            "controls:\n  ZZZZ: {expect: false}\n",
            "mine.yaml:5: controls.ZZZZ: no such control.",
        ),
        (
            "contrls: {}\n",
            'mine.yaml:4: contrls: unknown key. Did you mean "controls"?',
        ),
        (
            "controls:\n  AI-01:\n    expect: {op: eqq, value: 1}\n",
            'mine.yaml:6: controls.AI-01.expect: no operator is called "eqq". Did you mean "eq"?',
        ),
        (
            "controls:\n  AI-01:\n    expect: {op: in, value: 5}\n",
            'mine.yaml:6: controls.AI-01.expect: the operator "in" needs a list as "value".',
        ),
        (
            "controls:\n  AI-01:\n    expect:\n      op: eq\n",
            'mine.yaml:6: controls.AI-01.expect: the operator "eq" needs "value".',
        ),
        (
            "controls:\n  AI-01:\n    expct: false\n",
            'mine.yaml:6: controls.AI-01.expct: unknown key. Did you mean "expect"?',
        ),
        (
            "controls:\n  AI-01:\n    expect: false\n    severity: hgh\n",
            "mine.yaml:7: controls.AI-01.severity: expected 'critical', 'high', "
            "'medium' or 'low', found \"hgh\". Did you mean \"high\"?",
        ),
        (
            "controls:\n  AI-01:\n    lock: true\n",
            'mine.yaml:5: controls.AI-01: needs "expect" or "settings".',
        ),
        (
            "controls:\n  AI-12:\n    lock: true\n",
            'mine.yaml:5: controls.AI-12: needs "attest": no API shows it.',
        ),
        (
            "controls:\n  AI-01:\n    expect: false\n    attest: yes\n",
            'mine.yaml:7: controls.AI-01.attest: is observed by API; give "expect" '
            'instead of "attest".',
        ),
        (
            "controls:\n  AI-01:\n    settings:\n      <summary>.enabel: false\n",
            "mine.yaml:7: controls.AI-01.settings.<summary>.enabel: AI-01 does not "
            'check this setting. Did you mean "<summary>.enable"?',
        ),
        (
            "controls:\n  AI-01:\n    expect: false\n    settings: {<summary>.enable: false}\n",
            'mine.yaml:5: controls.AI-01: give "expect" or "settings", not both.',
        ),
        (
            "controls:\n  AI-01:\n    settings: [a]\n",
            "mine.yaml:6: controls.AI-01.settings: expected a valid dictionary, found list.",
        ),
        (
            "controls:\n  AI-01:\n    settings:\n      <summary>.enable: {op: lte, value: x}\n",
            'mine.yaml:7: controls.AI-01.settings.<summary>.enable: the operator "lte" '
            'needs a number as "value".',
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_line_and_key(
    folder: Path, text: str, expected: str
) -> None:
    found = problems(folder, text.replace("<summary>", SUMMARY))
    assert found == [expected.replace("<summary>", SUMMARY)]


def test_every_unknown_name_is_told_at_once(folder: Path) -> None:
    assert len(problems(folder, "controls:\n  A-1: {expect: 1}\n  B-1: {expect: 1}\n")) == 2


def test_what_is_missing_at_the_top_is_named(folder: Path) -> None:
    (folder / "mine.yaml").write_text("title: x\nid: y\n", encoding="utf-8")
    with pytest.raises(PolicyError, match=r'mine\.yaml:1: "version" is missing\.'):
        baseline.load("mine.yaml", CATALOGUE)


def test_a_bare_value_is_short_for_equals(folder: Path) -> None:
    short = loaded(folder, "controls:\n  AI-01: {expect: false}\n")
    long = loaded(folder, "controls:\n  AI-01: {expect: {op: eq, value: false}}\n")
    each = loaded(folder, f"controls:\n  AI-01: {{settings: {{{SUMMARY}.enable: false}}}}\n")
    wish = short.assessed["AI-01"].expectations[f"{SUMMARY}.enable"]
    assert (wish.op, wish.value) == ("eq", False)
    assert short.info.digest == long.info.digest == each.info.digest


@pytest.mark.parametrize(
    "other",
    [
        "controls:\n  AI-01: {expect: true}\n",
        "controls:\n  AI-01: {expect: false, lock: true}\n",
        "controls:\n  AI-01: {expect: false, severity: low}\n",
        "controls:\n  AI-01:\n"
        "    expect: {op: eq, value: false, group_exception_param: ai_allowed_groups}\n",
        "controls:\n  AI-01: {expect: false}\n  AI-03: {expect: false}\n",
        "parameters: {allowed_regions: [US]}\ncontrols:\n  AI-01: {expect: false}\n",
    ],
)
def test_another_wish_is_another_digest(folder: Path, other: str) -> None:
    one = loaded(folder, "controls:\n  AI-01: {expect: false}\n").info.digest
    assert loaded(folder, other).info.digest != one


def test_words_and_order_do_not_change_the_digest(folder: Path) -> None:
    one = loaded(folder, "controls:\n  AI-01: {expect: false}\n  AI-03: {expect: false}\n")
    other = loaded(
        folder,
        "meaning: other words\nwho: x\ncontrols:\n  AI-03: {expect: false}\n  AI-01:  # why\n"
        "    severity: critical\n    expect: false\n",
    )
    assert one.info.digest == other.info.digest


def test_a_setting_that_is_not_named_is_not_assessed(folder: Path) -> None:
    two = [check.setting for check in CATALOGUE.controls["AI-02"].checks]
    found = loaded(folder, f"controls:\n  AI-02: {{settings: {{{two[1]}: false}}}}\n")
    assert list(found.assessed["AI-02"].expectations) == [two[1]]
    silent = loaded(folder, "controls:\n  AI-02: {expect: {op: not_assessed}}\n")
    assert silent.assessed["AI-02"].expectations == {}


def test_severity_is_the_catalogues_unless_the_baseline_says_otherwise(folder: Path) -> None:
    found = loaded(
        folder, "controls:\n  AI-01: {expect: false}\n  AI-03: {expect: false, severity: low}\n"
    )
    assert found.assessed["AI-01"].severity is Severity.CRITICAL
    assert found.assessed["AI-03"].severity is Severity.LOW


def test_an_attested_control_says_which_answer_is_expected(folder: Path) -> None:
    found = loaded(folder, "controls:\n  AI-12: {attest: approved list}\n")
    assert found.assessed["AI-12"].attest == "approved list"
    assert found.assessed["AI-12"].expectations == {}


def test_only_leaves_the_baseline_silent_about_the_rest() -> None:
    strict = baseline.load("strict", CATALOGUE)
    assert list(strict.only(frozenset({"AI-03", "AI-01", "no"})).assessed) == ["AI-01", "AI-03"]


class TestExtends:
    BASE = (
        "parameters: {allowed_regions: [US], qos_level: 1}\n"
        "controls:\n  AI-01: {expect: false, lock: true}\n  AI-03: {expect: false}\n"
    )

    def base(self, folder: Path, name: str = "base.yaml", text: str = BASE) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(HEAD.replace("mine", "base") + text, encoding="utf-8")

    def test_what_the_file_says_replaces_what_it_extends(self, folder: Path) -> None:
        self.base(folder)
        found = loaded(
            folder,
            "extends: base.yaml\nparameters: {qos_level: 2}\n"
            "controls:\n  AI-01: {expect: true}\n  AI-08: {expect: false}\n",
        )
        assert list(found.assessed) == ["AI-01", "AI-03", "AI-08"]
        (wish,) = found.assessed["AI-01"].expectations.values()
        assert wish.value is True
        assert found.assessed["AI-01"].lock is False
        assert found.parameters == {"allowed_regions": ["US"], "qos_level": 2}
        assert found.info.id == "mine"

    def test_a_control_can_be_dropped(self, folder: Path) -> None:
        self.base(folder)
        found = loaded(folder, "extends: base.yaml\ncontrols:\n  AI-01: {assess: false}\n")
        assert list(found.assessed) == ["AI-03"]

    def test_an_attested_control_can_be_dropped(self, folder: Path) -> None:
        self.base(folder, text="controls:\n  AI-12: {attest: x}\n")
        found = loaded(folder, "extends: base.yaml\ncontrols:\n  AI-12: {assess: false}\n")
        assert found.assessed == {}

    def test_saying_nothing_more_is_the_same_wish(self, folder: Path) -> None:
        found = loaded(folder, "extends: strict\n")
        assert found.info.digest == baseline.load("strict", CATALOGUE).info.digest

    def test_a_path_beside_the_file_is_found(self, folder: Path) -> None:
        self.base(folder, "there/base.yaml")
        (folder / "there" / "top.yaml").write_text(HEAD + "extends: base.yaml\n", encoding="utf-8")
        found = baseline.load("there/top.yaml", CATALOGUE)
        assert list(found.assessed) == ["AI-01", "AI-03"]

    @pytest.mark.parametrize("target", ["mine.yaml", "other.yaml"])
    def test_a_circle_is_refused(self, folder: Path, target: str) -> None:
        (folder / "other.yaml").write_text(HEAD + "extends: mine.yaml\n", encoding="utf-8")
        (folder / "mine.yaml").write_text(HEAD + f"extends: {target}\n", encoding="utf-8")
        with pytest.raises(PolicyError, match="extends itself, directly or in a circle"):
            baseline.load("mine.yaml", CATALOGUE)

    def test_a_circle_under_ever_other_spellings_is_refused(self, folder: Path) -> None:
        (folder / "mine.yaml").write_text(
            HEAD + f"extends: ../{folder.name}/mine.yaml\n", encoding="utf-8"
        )
        with pytest.raises(PolicyError, match="in a circle"):
            baseline.load("mine.yaml", CATALOGUE)

    def test_what_is_wrong_below_is_told_with_its_own_file(self, folder: Path) -> None:
        self.base(folder, text="controls:\n  AI-99: {expect: false}\n")
        assert problems(folder, "extends: base.yaml\n") == [
            'base.yaml:5: controls.AI-99: no such control. Did you mean "AI-09"?'
        ]

    def test_what_is_nowhere_is_told(self, folder: Path) -> None:
        with pytest.raises(BaselineNotFound, match='Did you mean "strict"'):
            loaded(folder, "extends: strct\n")


@pytest.mark.parametrize("name", ["strictt", "gone.yaml", "a/strict", "a\\strict", "", "."])
def test_a_baseline_that_is_nowhere_is_told_with_all_that_there_are(
    folder: Path, name: str
) -> None:
    with pytest.raises(BaselineNotFound) as caught:
        baseline.load(name, CATALOGUE)
    assert "Baselines: cis-zoom-1.0, consent-first, education, regulated, strict." in str(
        caught.value
    )


def test_a_folder_is_not_a_baseline(folder: Path) -> None:
    (folder / "some.yaml").mkdir()
    with pytest.raises(BaselineNotFound, match=r"some\.yaml: not a file\."):
        baseline.load("some.yaml", CATALOGUE)


def test_a_shipped_name_is_not_taken_over_by_a_file_of_that_name(folder: Path) -> None:
    (folder / "strict").write_text(HEAD, encoding="utf-8")
    assert baseline.load("strict", CATALOGUE).info.id == "strict"


def test_the_policies_are_found_in_the_checkout_and_their_absence_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert json.loads((files.folder() / "settings.json").read_text(encoding="utf-8"))
    monkeypatch.setattr(files, "_PACKAGE", tmp_path / "nowhere")
    with pytest.raises(PolicyError, match="Install the auditor again"):
        files.folder.__wrapped__()


def test_a_misspelt_parameter_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(
        'id: ours\nversion: "1"\ntitle: ours\ncontrols:\n'
        "  DR-02: {expect: {op: in_param, param: alowed_storage_countries}}\n"
    )
    with pytest.raises(PolicyError, match=r'5: .*Did you mean "allowed_storage_countries"'):
        baseline.load(str(path), CATALOGUE)


def test_a_name_is_never_a_file_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ours").write_text(HEAD, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BaselineNotFound):
        baseline.load("ours", files.shipped_catalogue())
