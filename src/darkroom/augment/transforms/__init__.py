"""Offline transforms by name: each is a function that gives an Albumentations transform.

Where a transform needs the image's size, its function takes `size`, (height, width) in pixels.
"""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else importing it asks the network for a newer version
