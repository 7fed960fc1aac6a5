"""Reactions to recommendations: which rows can be used, where they are kept, and how they join the next training set."""
