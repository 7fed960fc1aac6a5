"""The sections of an audit beside the quality of lists: exposure, prices and offers, service."""
