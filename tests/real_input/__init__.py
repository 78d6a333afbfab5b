"""Responses and descriptions that Zoom itself wrote are read as Zoom means them."""
