"""Places from which a namespace's specifications come: directories that are watched, git repositories."""
