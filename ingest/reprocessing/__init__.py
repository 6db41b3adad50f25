"""Second chances: what was kept is read again, with today's normalizers, code tables and settings."""
