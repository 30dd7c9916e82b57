"""Classification losses, one family per file.

A loss is a module whose constructor takes the policy's class weights (K,), or None, and whose `forward` maps outputs (B, K)
and targets (B, K) to the mean loss. Targets are class probabilities, so that images may be mixed; 0 or 1 per label; or
standardized numbers. Class constants, which the config reads without importing torch, say what a loss fits:

`TARGETS` lists the kinds of targets: `class`, `labels`, `numbers`. `SOFT` is whether it takes the fractional targets of
MixUp and CutMix. `LINK` names the function that turns outputs into probabilities: `softmax`, `sigmoid`, or `identity` for
outputs that are themselves the prediction.
"""
