"""
The tests that every provider has to pass, in this repository or in a package of its own.

They need pytest and hypothesis, which the program does not.
"""
