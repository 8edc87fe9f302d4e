"""Places for event streams, counted by project."""

import pytest

from app.follow.open_streams import OpenStreams
from lathe.errors import TooManyStreams


def test_a_project_has_so_many_places_and_others_have_their_own() -> None:
    streams = OpenStreams(2)
    with streams.place("mine"), streams.place("mine"):
        with pytest.raises(TooManyStreams, match="2 event streams"), streams.place("mine"):
            pass
        with streams.place("theirs"):
            pass


def test_a_place_is_free_again_when_its_stream_ends_however_that_is() -> None:
    streams = OpenStreams(1)
    with pytest.raises(KeyError), streams.place("mine"):
        raise KeyError
    with pytest.raises(TooManyStreams), streams.place("mine"), streams.place("mine"):
        pass
    with streams.place("mine"):
        pass
    assert not streams._open
