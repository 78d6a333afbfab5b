"""Credentials and keys are kept in the keyring, read from text, and never shown."""
