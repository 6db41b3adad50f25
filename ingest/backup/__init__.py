"""Copies of an embedded installation: taken while it runs, and restored into an empty folder."""
