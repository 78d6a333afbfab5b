"""Policy: the control catalogue, the baselines, and the judgement of evidence against them."""
