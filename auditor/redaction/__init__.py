"""Redaction: recognizes secrets in any text by name, by shape, and by value, and removes them."""

__all__ = ["text"]
