"""What each testplan entry has covered, and from bins that nothing has hit to items that are after them."""
