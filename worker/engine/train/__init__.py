"""Gradient descent on the torch view: fine-tuning and distillation."""
