"""The fairness report: what was found, gathered once, as JSON with its schema and as a page that stands alone."""
