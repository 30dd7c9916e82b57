"""Remedies for overfitting, one by one, on the same few images."""
