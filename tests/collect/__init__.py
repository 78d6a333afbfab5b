"""What is asked of Zoom; what was not read is unknown, never missing and never a pass."""
