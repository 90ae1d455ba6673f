"""What a regression leaves: one JSON, one JUnit file, a table, and checks over all results."""
