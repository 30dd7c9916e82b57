"""How shortcuts and normalization carry gradients through depth."""
