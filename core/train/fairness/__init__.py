"""Fairness objectives of training: each a term of the loss with a weight of its own, none of them in the model."""
