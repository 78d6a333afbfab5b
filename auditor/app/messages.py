"""What a use case tells the person who started it, while it runs."""

from typing import Protocol


class Messages(Protocol):
    """Receives sentences for people."""

    def say(self, message: str) -> None:
        """What was done."""

    def complain(self, message: str) -> None:
        """What failed, without ending the use case."""
