"""Every format says the same of a run, whatever names and values the run holds."""
