"""The width of embeddings."""
