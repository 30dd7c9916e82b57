"""Online transforms by name: each changes a whole batch on the training device, with draws of its own for every image.

A batch transform is called with images (B, C, H, W) in [0, 1], their class probabilities (B, K), a strength for each
image (B,) and a generator on the processor, and gives new images and probabilities.
"""
