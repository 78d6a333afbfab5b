"""Guards the surfaces of Zoom: each is described once, completely and consistently."""
