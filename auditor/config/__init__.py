"""Configuration: settings, and the sources they come from in order of precedence.

This module is what every command imports before it knows whether it needs a setting; the settings
themselves are slow to import.
"""

from contextvars import ContextVar
from pathlib import Path

from auditor.errors import AuditorError, ExitCode

__all__ = [
    "ConfigError",
    "accounts",
    "chosen_env_file",
    "chosen_profile",
    "settings",
    "sources",
    "writing_credentials",
]

chosen_profile: ContextVar[str | None] = ContextVar("profile", default=None)
"""The profile of the command line; None uses the configured one."""
chosen_env_file: ContextVar[Path | None] = ContextVar("env_file", default=None)
"""The file to read in place of `.env`; None reads the working directory's."""


class ConfigError(AuditorError):
    """The configuration is unusable. The message names the value, and what to do."""

    exit_code = ExitCode.USAGE
