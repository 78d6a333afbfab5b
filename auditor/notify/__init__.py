"""Notifications: a short message about what changed, to wherever people look anyway.

`interface` is the face of the room: what happened goes in, what became of each channel comes out.
Nothing in here raises once the audit is over: a channel that fails must not lose the run.
"""
