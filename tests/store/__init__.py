"""The history keeps whole runs, whatever breaks, and trusts no file of somebody else."""
