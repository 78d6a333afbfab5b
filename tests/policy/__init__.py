"""Guards the judgement: never a pass without evidence, locks and inheritance included."""
