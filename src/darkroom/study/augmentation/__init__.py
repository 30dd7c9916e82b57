"""Every technique of augmentation: what it does to images, labels and single classes."""
