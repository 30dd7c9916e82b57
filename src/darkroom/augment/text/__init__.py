"""Offline transforms of texts, on strings.

A transform is called with texts and a NumPy generator for each, and returns each text changed, with what was done to it, or
None where nothing was. It draws only from a text's own generator, so that a text does not depend on those beside it.
"""
