"""Organisation files as text that entries are added to, and what an edit changes."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.evidence.reading import JsonValue
from auditor.policy.baseline import organisation, yaml_edit
from auditor.policy.baseline.organisation import Organisation
from auditor.policy.catalogue import files
from auditor.policy.catalogue.errors import PolicyError

DEFAULT_PATH = Path("organisation.yaml")
"""The file that is created if no organisation file is configured."""

SCHEMA_LINE = (
    "# yaml-language-server: $schema=organisation.schema.json\n"
    "# Editors complete and check this file once that schema is next to it:\n"
    "#   auditor baseline schema organisation > organisation.schema.json\n"
)
"""The head of a new organisation file."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A new content of a file, which is valid, and the change as a unified diff."""

    text: str
    change: str
    organisation: Organisation
    """The decisions after the change, those of included files among them."""


class EditableFile:
    """An organisation file, or one that it includes. Its comments and order stay as they are."""

    def __init__(self, path: Path, head: str = SCHEMA_LINE) -> None:
        """Read the file; it is empty if it does not exist.

        `head`: the first lines of a file that does not exist.

        Raises:
            PolicyError: it cannot be read, or is not valid.
        """
        self.path = path
        self._head = head
        self.reload()

    def reload(self) -> None:
        """Read the file again after an edit was written to it."""
        self.text = _read(self.path)
        self.organisation = (
            organisation.load(self.path, files.shipped_catalogue(), self.text)
            if self.text
            else Organisation()
        )

    @property
    def exists(self) -> bool:
        """True if there is such a file, and it is not empty."""
        return bool(self.text)

    def own_entries(self, key: str) -> int:
        """The number of its own entries under `key`; those of included files follow them."""
        listed = organisation.contents(self.path, self.text).get(key) if self.text else None
        return len(listed) if isinstance(listed, list) else 0

    def with_entries(self, key: str, *entries: Mapping[str, Any]) -> Edit:
        """The file with more entries under `key`.

        Raises:
            PolicyError: it would not be valid, or is written in a way that cannot be edited.
        """
        text = self.text or self._head
        for entry in entries:
            text = yaml_edit.append_entry(text, key, dict(entry), str(self.path))
        return self._edit(text, context=1)

    def with_parameters(self, values: Mapping[str, JsonValue], comments: Mapping[str, str]) -> Edit:
        """The file with parameters. New ones get their comments.

        Raises:
            PolicyError: it would not be valid, or is written in a way that cannot be edited.
        """
        text = self.text or self._head
        for name, value in values.items():
            comment = comments.get(name, "")
            text = yaml_edit.set_in_mapping(
                text, "parameters", name, value, str(self.path), comment=comment
            )
        return self._edit(text, context=1)

    def with_text(self, text: str) -> Edit:
        """The file with another content.

        Raises:
            PolicyError: it would not be valid.
        """
        return self._edit(text, context=1)

    def _edit(self, text: str, context: int) -> Edit:
        result = organisation.load(self.path, files.shipped_catalogue(), text)
        lines = self.text.splitlines(), text.splitlines()
        change = [*difflib.unified_diff(*lines, lineterm="", n=context)]
        return Edit(text, "\n".join(change[2:]), result)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise PolicyError([f"{path}: not UTF-8 text."]) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise PolicyError([f"{path}: cannot be read: {reason}."]) from error


def example() -> bytes:
    """An organisation file with an example of every entry, as comments, so that it is valid as it
    is: the shipped example with nothing but its baseline in force."""
    shipped = (files.folder() / "examples" / "organisation.yaml").read_text(encoding="utf-8")
    lines = []
    for line in shipped.splitlines():
        stays = not line.strip() or line.startswith(("#", "baseline:"))
        lines.append(line if stays else f"# {line}")
    return (SCHEMA_LINE + "\n" + "\n".join(lines) + "\n").encode()
