"""Orders: a small web application with a database."""
