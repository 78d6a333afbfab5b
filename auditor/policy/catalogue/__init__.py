"""The catalogue: controls, what Zoom documents, and the operators that compare values."""
