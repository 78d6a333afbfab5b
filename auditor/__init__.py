"""auditor: audits the AI and data-sharing settings of a Zoom account against a baseline."""

__version__ = "0.1.0"
