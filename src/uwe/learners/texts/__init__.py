"""Classifiers of texts that are fine-tuned: tokens, batches of like length, and the learner."""
