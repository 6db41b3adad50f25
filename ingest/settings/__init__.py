"""The settings that a user may give, and what the program derives from them."""
