"""Evenhand's system without a screen: data, models, recommendations, fairness, jobs."""

__version__ = "0.1.0"
