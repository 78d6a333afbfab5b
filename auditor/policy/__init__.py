"""Policy: the control catalogue, the baselines, and the evaluation of evidence against them."""

__all__ = ["baseline", "catalogue", "evaluation", "judging", "reading"]
