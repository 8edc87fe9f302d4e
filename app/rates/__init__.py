"""How many requests are taken in so short a time.

rate       how a limit is written
counts     where all processes count together, and what counts while that is away
fields     the headers that tell what is left
rates      the limits of the settings, and the refusal
"""
