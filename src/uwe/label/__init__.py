"""People label a project: who has which item, what they answer, and the page that they use."""
