import pytest

from auditor.report import FORMATS, FormatError, UnknownFormat, by_name, by_suffix


def test_every_format_is_registered_under_its_own_name_and_suffix():
    assert list(FORMATS)[:3] == ["text", "json", "html"]
    others = "ndjson csv xlsx markdown sarif junit ocsf oscal prometheus pdf"
    assert set(FORMATS) == {"text", "json", "html", *others.split()}
    assert all(by_name(name).name == name for name in FORMATS)
    assert len({f.suffix for f in FORMATS.values()}) == len(FORMATS)
    assert all("/" in f.media_type for f in FORMATS.values())


def test_the_suffix_of_a_path_chooses_the_format():
    assert by_suffix("demo/report.HTML").name == "html"
    assert by_suffix("night.json").name == "json"
    assert by_suffix("night.txt").name == "text"


def test_an_unknown_format_says_which_there_are():
    with pytest.raises(UnknownFormat, match=r"'yaml'.*text, json, html.*bundle\.$"):
        by_name("yaml")


@pytest.mark.parametrize("path", ["report.docx", "report", ""])
def test_a_name_without_a_known_suffix_says_what_to_do(path):
    with pytest.raises(FormatError, match=r"--format.*\.json \(json\).*\.zip \(bundle\)"):
        by_suffix(path)
