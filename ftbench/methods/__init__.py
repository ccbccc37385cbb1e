"""What happens to the weights: one module per method, over one shared supervised fine-tuning call."""
