"""Beyond images: a rare class in a table, and sentences."""
