"""Secrets: the system's keyring, the app's credentials, and the auditor's own keys."""

__all__ = ["backends", "credentials", "keys", "parsing", "signing"]
