"""A made shop whose truth is known, in which a recommender learns from the clicks on its own lists."""
