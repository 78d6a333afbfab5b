"""Guards the client: it only reads, stays below every limit, and names each failure."""
