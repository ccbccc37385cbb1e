"""What goes into the prompt: one module per context."""
