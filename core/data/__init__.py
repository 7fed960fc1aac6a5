"""From a source to clean, coded tables, a split and the inputs of a model."""
