"""Policies: what is done to everyone's lists after training, step by step, on a shop's own data."""
