"""Torch modules and the simple rules that they must beat."""
