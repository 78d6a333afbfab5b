"""Configuration: settings, and the sources they come from in order of precedence."""
