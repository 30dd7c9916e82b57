"""Published figures, obtained again: one job per experiment, and docs/reproduced.md, which shows them beside their sources."""
