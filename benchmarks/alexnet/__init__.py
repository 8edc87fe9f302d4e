"""AlexNet through HTTP: what each technique, and each step of all together, bought."""
