"""The guard of the query interface: it lets through statements that read known tables, and refuses all others."""
