"""The command line: parses, calls, prints. What it decides is how to say it, not what is so."""

from auditor.cli.main import main

__all__ = ["main"]
