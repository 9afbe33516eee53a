"""What is on disk: builds, places, trust, journal, collection."""
