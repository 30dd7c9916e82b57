"""The multilayer perceptron: what its layers hold, and what one neuron computes."""
