"""Evidence: what was read from Zoom for which scope, by which request and when, or why not."""
