"""Guards: an event is believed only if Zoom signed it, and is never lost once it was answered."""
