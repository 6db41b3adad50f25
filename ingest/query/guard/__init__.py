"""The guard of the query door: it lets through statements that read known tables, and refuses all others."""
