"""Beyond images: a rare class in a table, sentences, and sounds."""
