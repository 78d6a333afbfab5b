from collections.abc import Iterator

import keyring
import pytest
from keyring.backends.null import Keyring as Null

from auditor.secrets import keys
from tests.keyrings import InMemory, Locked, current


@pytest.fixture(autouse=True)
def _keyring_as_it_was() -> Iterator[None]:
    before = current()
    yield
    keyring.set_keyring(before)


def test_a_key_is_made_at_first_use_and_kept() -> None:
    keyring.set_keyring(InMemory())
    first = keys.pseudonym_key(None)
    assert len(first) == 64
    assert keys.pseudonym_key(None) == first
    assert keys.load_key(keys.PSEUDONYM_KEY) == first.decode()


def test_a_key_in_the_environment_goes_before_the_keyring() -> None:
    keyring.set_keyring(InMemory())
    keys.pseudonym_key(None)
    assert keys.pseudonym_key("a long random text") == b"a long random text"


@pytest.mark.parametrize("backend", [Null, Locked])
def test_without_a_keyring_both_ways_are_named(backend: type) -> None:
    keyring.set_keyring(backend())
    with pytest.raises(keys.KeyUnavailable, match=r"keyring.*AUDITOR_PSEUDONYM_KEY"):
        keys.pseudonym_key(None)


def test_a_key_that_could_be_guessed_is_refused() -> None:
    with pytest.raises(keys.KeyUnavailable, match="shorter than 16"):
        keys.pseudonym_key("secret")
