"""Guards what a run reports of its verdicts: order, identity, counts, history and exit code."""
