"""Settings have a known order of sources, none of which others may write to."""
