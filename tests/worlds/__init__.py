"""Reports of four whole accounts are the reviewed ones; lost evidence makes no pass."""
