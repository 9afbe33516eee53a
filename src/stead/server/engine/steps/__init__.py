"""What a build does, step by step. Bodies run in processes of their own."""
