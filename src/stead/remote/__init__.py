"""Store servers as a client knows them: where they are, who asks them, and what they answer."""
