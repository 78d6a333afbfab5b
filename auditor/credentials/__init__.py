"""Credentials of the Server-to-Server app in the operating system's keyring, by profile."""
