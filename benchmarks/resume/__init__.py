"""`make bench-resume`: a large upload that is cut three times."""
