"""Semi-supervised training: what a classifier learns from training images without a label, one method per file.

`classify.models.NAME.semi` names a method. Its constructor takes the options; the class constant `VIEWS` counts the views of
each unlabeled image that one step makes, which the size of a batch and the length of an epoch follow from; `MIXES` says that it
mixes the classes of labeled images, which the loss then has to take.
"""
