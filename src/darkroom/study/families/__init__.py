"""Which family of generative models for what."""
