"""Guards the evidence: returned as recorded, altered nowhere, and enough to judge again."""
