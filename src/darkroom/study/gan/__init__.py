"""Mode collapse, and what prevents it."""
