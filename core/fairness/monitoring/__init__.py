"""What is watched from window to window: group means and gaps that may be looked at daily, and drift."""
