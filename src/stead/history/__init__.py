"""What an environment was, and going back to it: generations, undo, hidden references."""
