"""Heads that a probe fits to frozen features, by name.

A head's `fit` takes `Examples` and returns a module that maps features (B, D) to logits (B, K). What it cannot estimate
from all examples at once, such as the strength of regularization, it chooses by cross-validation among them.
"""
