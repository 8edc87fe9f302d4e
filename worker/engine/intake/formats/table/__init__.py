"""Tables: rows of named columns, however they are stored."""
