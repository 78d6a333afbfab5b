"""The recipes are what the programs that read them take, and their own commands run."""
