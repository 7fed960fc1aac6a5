"""From a trained model to lists: candidates for everyone, and the top k of each."""
