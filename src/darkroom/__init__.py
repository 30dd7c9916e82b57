"""Darkroom: a declarative pipeline for learning from images."""
