"""The command line: parses arguments, calls the use cases and prints the results."""

from auditor.cli.main import main

__all__ = ["main"]
