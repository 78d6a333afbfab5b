"""Whole audits: every planted deviation is found, none is invented, and only reads are sent."""
