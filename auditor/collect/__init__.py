"""Collection: reads the documents a plan names from Zoom into a snapshot."""

__all__ = ["carrying", "collector", "interface"]
