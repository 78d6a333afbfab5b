"""Files and folders of the program belong to its user alone."""
