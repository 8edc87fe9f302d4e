"""Programs of torch.export (.pt2), read without torch's own loader, which runs what is pickled
inside (torch/export/pt2_archive/_package.py)."""
