"""
The contract of a provider, as tests: for a package that brings one, as for those of this repository.

It needs pytest and hypothesis, which the program does not.
"""
