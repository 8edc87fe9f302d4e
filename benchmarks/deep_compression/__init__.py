"""Deep compression through HTTP, from baselines trained here to a decoded, judged file."""
