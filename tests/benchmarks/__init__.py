"""The benchmarks measure what they say, and fail where a target is missed."""
