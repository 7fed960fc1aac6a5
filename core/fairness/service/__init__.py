"""Service quality by group: what users got, what the model says they get, and how right it is for whom."""
