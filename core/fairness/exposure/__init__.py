"""Exposure: how the attention that lists give is shared among groups of items, and who is shown what."""
