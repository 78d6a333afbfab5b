"""Digests that identify what a run was judged with."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def of_decisions(organisation: Mapping[str, Any]) -> str:
    """`sha256:` over an organisation file as data; empty if it decides nothing.

    The choice of the baseline is left out: the baseline has a digest of its own.
    """
    decided = {key: value for key, value in organisation.items() if value and key != "baseline"}
    if not decided:
        return ""
    text = json.dumps(decided, ensure_ascii=False, sort_keys=True)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
