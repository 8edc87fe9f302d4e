"""Whether a job spec fits its models and its data: what can be refused before anything runs.

Pure functions over facts: each takes the spec and what inspection found out, and gives back
every reason why not, as refusals that name the field and the remedy.
"""
