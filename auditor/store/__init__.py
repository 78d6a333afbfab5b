"""The store: the evidence of every run, one folder a run."""
