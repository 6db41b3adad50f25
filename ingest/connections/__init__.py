"""Opens the streams and stores that the settings name."""
