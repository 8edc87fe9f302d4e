"""Forms made from JSON Schemas: what `/v1/techniques` describes, people fill in.

schema     what a schema node asks for
read       a form's fields -> the JSON that they say
draw       a schema, the JSON and its problems -> the fields to show
edit       buttons that add, remove and move items of lists
"""
