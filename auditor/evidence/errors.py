"""What can be wrong with a snapshot, each with a sentence that says what to do."""


class SnapshotError(Exception):
    """A file cannot be used as a snapshot."""


class Full(SnapshotError):
    """The disk is full, or the file may not grow."""


class EvidenceAltered(SnapshotError):
    """Evidence is not as it was recorded: its content does not fit its digest or its index."""


class Unsuitable(SnapshotError):
    """A file looks like a snapshot, and holds what no version of the program writes."""
