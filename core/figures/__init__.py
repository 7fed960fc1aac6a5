"""Figures and words for numbers: DataFrame in, Plotly figure, sentence or file out. No storage, no statistics."""
