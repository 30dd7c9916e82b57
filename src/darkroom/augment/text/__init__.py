"""Offline transforms of texts, on strings.

A transform is called with texts and a NumPy generator for each. It returns each text with a record of what was done to it,
None if nothing was, and draws only from a text's own generator, so that a copy does not depend on the texts beside it.
"""
