"""Words by which the key of a setting that nobody knows speaks of AI, consent or sharing."""

import re
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auditor.policy import files, yaml_source

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[\W_]+")


class KeyWord(BaseModel):
    """One word, with a key that holds it and where the word is from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    word: str
    match: Literal["whole", "part"]
    """Whether it counts only where it stands alone, or wherever its letters stand."""
    topic: Literal["ai", "consent", "sharing"]
    example: str
    source: str


class KeyWords(BaseModel):
    """All of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: tuple[KeyWord, ...]

    def topic(self, path: str) -> str | None:
        """The topic of the first word that a settings path holds; None where it holds none."""
        parts = [part for part in _BETWEEN.split(_CAPITAL.sub("_", path).casefold()) if part]
        whole = "_".join(parts)
        for word in self.words:
            if word.word in parts if word.match == "whole" else word.word in whole:
                return word.topic
        return None


@cache
def shipped() -> KeyWords:
    """The words that come with the program.

    Raises:
        PolicyError: the file is missing or not valid.
    """
    return yaml_source.load(yaml_source.read(files.folder() / "key_words.yaml"), KeyWords)
