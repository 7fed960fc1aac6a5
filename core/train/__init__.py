"""Training: examples, objective, the loop, checkpoints and saved weights."""
