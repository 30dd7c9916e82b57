"""Offline transforms: functions that return an Albumentations transform.

A function that needs the image size takes `size`, (height, width) in pixels.
"""

import os

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or importing it looks for updates online
