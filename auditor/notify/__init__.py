"""Notifications: short messages about the changes of a run, sent to chats and mail.

`sending.notify` takes the event of a run and returns a delivery for each channel. It never
raises: a failing channel must not lose the run.
"""

__all__ = [
    "channel_store",
    "channels",
    "delivery_state",
    "fleet_message",
    "heartbeat",
    "message",
    "sending",
    "triggers",
]
