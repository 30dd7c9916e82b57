"""How optimizers cross a plateau, a cliff, a ravine and a saddle."""
