"""Which outputs fit which labels: softmax for exclusive classes, sigmoids for independent ones."""
