"""The store: run folders, and the history database with findings and evidence of every run."""
