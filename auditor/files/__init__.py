"""Files: private ones that name people, and trusted ones that decide what the program does."""

__all__ = ["data_folder", "permissions", "trusted"]
