"""The simulated account answers as Zoom documents and as recorded responses do, faults included."""
