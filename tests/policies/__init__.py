"""Guards the policy files: every path is documented, every control complete, every file plain."""
