"""Published results, reproduced: one job per experiment, and docs/reproduced.md, which shows ours beside their sources."""
