"""Online transforms: each transforms a whole batch on the training device, with independent random numbers per image.

A batch transform is called with images (B, C, H, W) in [0, 1], class probabilities (B, K), a strength per image (B,) and a
CPU generator, and returns new images and probabilities.
"""
