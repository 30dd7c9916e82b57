"""A large network on few images, capacity against error, and more images."""
