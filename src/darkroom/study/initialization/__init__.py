"""How initial weights decide whether signals and gradients survive depth."""
