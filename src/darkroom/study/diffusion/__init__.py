"""Diffusion in the plane."""
