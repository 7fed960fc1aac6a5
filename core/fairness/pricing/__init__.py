"""Prices, discounts and offers by group of users: who pays more for the same, and why."""
