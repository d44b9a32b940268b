"""Floor 8: the laws that every mapping obeys, tried on those of users."""
