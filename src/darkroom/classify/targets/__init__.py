"""How a network learns each kind of target: one class, several labels, or numbers. One file per kind.

Each class has the same methods: `encode` turns a batch of a store's targets into the floats (B, K) that losses, MixUp and
CutMix take, `compared` brings outputs and targets to the scale of the loss, and `progress` and `measures` are the scalars
recorded for training and validation batches.
"""
