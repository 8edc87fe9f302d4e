"""Uploads become canonical models and data sets, or a named refusal that says what to do."""
