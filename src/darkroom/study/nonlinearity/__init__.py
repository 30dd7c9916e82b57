"""Why a network needs activations between its layers."""
