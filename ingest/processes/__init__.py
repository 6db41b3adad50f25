"""The processes: the parent with its admin listener, the supervisor, and one file for each kind of child."""
