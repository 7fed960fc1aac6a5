"""Explanations of a run: its models as a whole, single predictions, single products of a list, and gaps between groups."""
