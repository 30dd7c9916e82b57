"""How the learning rate moves over a run, how to find it, and how weight decay joins it."""
