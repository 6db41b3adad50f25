"""The settings that a user may give, and the values that the program derives from them."""
