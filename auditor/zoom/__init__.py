"""Everything that speaks HTTP to Zoom: read-only, paced, and without keeping a secret."""
