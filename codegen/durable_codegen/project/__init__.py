"""What a project says of itself: settings, where its app is, its requirements."""
