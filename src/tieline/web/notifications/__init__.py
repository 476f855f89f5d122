"""What the reader was told of, and how they want to be told."""
