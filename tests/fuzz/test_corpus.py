"""What fuzzing began with and what it found, played again without a fuzzer."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.learned import CORPUS, LEARNED, learned, pack, unpack
from tests.fuzz.targets import CANARY, TARGETS

CASES = sorted(path.relative_to(CORPUS) for path in CORPUS.glob("*/*"))


def test_every_target_has_a_corpus() -> None:
    assert {path.parts[0] for path in CASES} == set(TARGETS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_was_fuzzed_breaks_no_promise(case: Path) -> None:
    TARGETS[case.parts[0]]((CORPUS / case).read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TARGETS))
def test_what_a_fuzzer_learned_breaks_no_promise(name: str) -> None:
    inputs = list(learned(name))
    assert len(inputs) > 100
    for _, content in inputs:
        TARGETS[name](content)


def test_what_was_learned_is_packed_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = (LEARNED / "text.zip").read_bytes()
    unpack("text", tmp_path)
    monkeypatch.setattr("tests.fuzz.learned.LEARNED", tmp_path / "learned")
    assert pack("text", tmp_path) == len(list(learned("text")))
    assert {content for _, content in learned("text")} == {
        path.read_bytes() for path in tmp_path.iterdir() if path.is_file()
    }
    assert (tmp_path / "learned" / "text.zip").read_bytes() == kept


@pytest.mark.parametrize("name", ["planted", "text"])
def test_a_target_notices_a_secret_that_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for function in ("redact", "redact_text"):
        monkeypatch.setattr(f"tests.fuzz.targets.{function}", lambda given: given)
    with pytest.raises(AssertionError):
        TARGETS[name](b"{}")


@pytest.mark.parametrize("name", sorted(TARGETS))
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_anything_and_pieces_of_what_is_known_break_no_promise(
    name: str, data: st.DataObject
) -> None:
    known = [(CORPUS / case).read_bytes() for case in CASES if case.parts[0] == name]
    pieces = st.sampled_from(known).flatmap(
        lambda whole: st.tuples(
            st.integers(0, len(whole)), st.binary(max_size=8), st.integers(0, len(whole))
        ).map(lambda cut: whole[: cut[0]] + cut[1] + whole[cut[2] :])
    )
    TARGETS[name](data.draw(st.binary(max_size=200) | pieces))


def test_the_canary_has_no_shape() -> None:
    assert CANARY.isalnum()
    assert os.sep not in CANARY
