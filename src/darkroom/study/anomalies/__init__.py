"""Anomalies by reconstruction error."""
