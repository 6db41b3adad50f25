"""The status page. Its queries are bounded, and it masks phone numbers unless the settings say otherwise."""
