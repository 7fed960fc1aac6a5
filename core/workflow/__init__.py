"""The whole story, one file a chapter: train a run, read it, audit it, hand out its lists."""
