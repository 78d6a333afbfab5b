"""Evidence: the documents read from Zoom by scope, request and time, or why they are missing."""
