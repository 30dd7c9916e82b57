"""Ways to train a pretrained network, by name: what of it adapts to the data set, and how.

All of them start with a linear head fitted to frozen features, which `classify features` computes once for every model,
policy and seed that shares them. `probe` stops there; `fine_tune`, `partial` and `lora` go on by gradient steps, so that
the head's first, random errors never reach the pretrained weights (Kumar et al. 2022, arXiv 2202.10054).
"""
