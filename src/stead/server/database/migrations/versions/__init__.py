"""The migrations, one step each."""
