"""Variational and vector-quantized autoencoders."""
