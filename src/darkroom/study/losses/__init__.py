"""Loss functions: their curves and gradients, outliers, calibration, rare classes, and which fits which output."""
