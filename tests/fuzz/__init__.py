"""Guards what reads foreign bytes: any input is read or refused, and shows no secret."""
