"""All labels, few labels, none."""
