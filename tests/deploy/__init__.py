"""What is delivered: the image."""
