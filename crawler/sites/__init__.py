"""What whole sites say about the use of what lies on them: kept in one file, asked by a run for each item's address."""
