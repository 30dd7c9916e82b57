"""Activation functions: values, ranges, derivatives, saturation and dead units."""
