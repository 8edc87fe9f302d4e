"""What a layer's weights matter to the model's answers."""
