"""A model that keeps up: which one is in use, what it meets, what people say, what it learns, what it must not lose."""
