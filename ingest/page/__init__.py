"""The status page. Its queries to the store are bounded, and it masks phone numbers unless the settings say otherwise."""
