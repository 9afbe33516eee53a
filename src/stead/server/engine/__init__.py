"""What builds: the durable workflow, its steps, and the workers that run them."""
