"""The parts of one compression job: steps, candidates, limits, words."""
