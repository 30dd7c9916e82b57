"""Autoencoders beside principal components."""
