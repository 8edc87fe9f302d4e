"""Encoding: exact, small files of what the other families left behind."""
