"""Secrets: the system's keyring, the app's credentials, and the auditor's own keys."""
