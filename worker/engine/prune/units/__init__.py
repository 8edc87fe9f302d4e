"""Hidden units of recurrent layers."""
