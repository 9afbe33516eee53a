"""What environments are asked to be: texts read, checked, and measured against the settings."""
