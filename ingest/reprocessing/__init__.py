"""Second chances: stored items are parsed again with today's normalizers, code tables and settings."""
