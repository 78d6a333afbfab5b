"""Words that mark the key of an unknown setting as relevant to AI, consent or sharing."""

import re
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict

from auditor.policy.catalogue import files, yaml_source

_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[\W_]+")


class KeyWord(BaseModel):
    """One word, with an example key and its source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    word: str
    match: Literal["whole", "part"]
    """`whole` matches a whole part of the key, `part` any substring."""
    topic: Literal["ai", "consent", "sharing"]
    example: str
    source: str


class KeyWords(BaseModel):
    """The list of words."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: tuple[KeyWord, ...]

    def topic(self, path: str) -> str | None:
        """The topic of the first word that matches a settings path; None if none matches."""
        parts = [part for part in _BETWEEN.split(_CAPITAL.sub("_", path).casefold()) if part]
        whole = "_".join(parts)
        for word in self.words:
            if word.word in parts if word.match == "whole" else word.word in whole:
                return word.topic
        return None


@cache
def shipped() -> KeyWords:
    """The shipped words.

    Raises:
        PolicyError: the file is missing or not valid.
    """
    return yaml_source.load(yaml_source.read(files.folder() / "key_words.yaml"), KeyWords)
