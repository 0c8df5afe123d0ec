"""Labels as other tools write them: each format is a view of the journal, out and in."""
