"""An error is one line and a hint, whatever it quotes."""

import pickle

from aivsreal.errors import BadData


def test_an_error_is_one_line_and_cannot_steer_the_terminal() -> None:
    error = BadData("nothing at a\nb\x1b[31m\udce9", hint="look\rthere")

    assert error.reason == "nothing at a\\nb\\x1b[31m\\udce9"
    assert error.hint == "look\\rthere"
    assert str(pickle.loads(pickle.dumps(error))) == error.reason
