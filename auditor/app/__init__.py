"""Use cases: what each command does, without parsing its options or printing its answer."""
