"""What is on record about one account, in all rooms: taken home by its owner, and erased."""
