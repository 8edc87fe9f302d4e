"""The calls of the API: what each asks and how it reads the answer. They open no connection."""
