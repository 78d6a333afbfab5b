"""Watching: receives Zoom's webhooks, verifies them, and keeps what they say happened."""

__all__ = ["checking", "events", "inbox", "receiver", "serving", "signing"]
