"""Guards secrets: none is ever shown, and no setting is mistaken for one."""
