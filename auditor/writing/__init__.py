"""Writing: the only code that changes an account, one leaf a request, each proved by reading again.

One use case imports it, `app.fixing`; a test proves that nothing else does.
"""

__all__ = ["client", "model", "steps"]
