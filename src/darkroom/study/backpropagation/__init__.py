"""Backpropagation: the chain rule by hand, against autograd."""
