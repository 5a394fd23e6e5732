"""What is searched when a recipe is tuned: for each of its fields a range or choices, from its `[search]` table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

Value = bool | int | float | str


class SearchField(BaseModel):
    """What one field of a recipe may be: from `low` to `high`, or one of `choices`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: int | float | None = Field(None, description="The smallest value ...")
    high: int | float | None = Field(None, description="... and the largest.")
    log: bool = Field(False, description="Steps multiply instead of adding: for rates and sizes.")
    points: int = Field(3, ge=2, le=1000, description="How many values a grid tries from low to high.")
    choices: tuple[Value, ...] = Field((), description="The values themselves, instead of low and high.")

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> SearchField:
        if self.choices:
            if self.low is not None or self.high is not None:
                raise ValueError("give either choices, or low and high")
            if len({(type(choice), choice) for choice in self.choices}) < len(self.choices):
                raise ValueError("a choice stands there twice")
            return self
        if self.low is None or self.high is None:
            raise ValueError("give low and high, or choices")
        if not self.low < self.high:
            raise ValueError(f"the range is upside down: low {self.low:g} is not below high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"a range with log begins above 0, not at {self.low:g}")
        return self

    @property
    def ends(self) -> tuple[Value, ...]:
        """The values that a check must try: if a recipe may have these, it may have all."""
        return self.choices or (self.low, self.high)  # type: ignore[return-value]

    def holds(self, value: Any) -> bool:
        """Return whether a value lies in the range, or is one of the choices."""
        if self.choices:
            return value in self.choices
        low, high = self._range()
        return isinstance(value, int | float) and low <= value <= high

    def grid(self, *, whole: bool) -> list[Value]:
        """Return the values that a grid tries, rising; whole: the field takes whole numbers only."""
        if self.choices:
            return list(self.choices)
        spaced = np.geomspace if self.log else np.linspace
        values = spaced(*self._range(), self.points)
        if whole:
            return [int(value) for value in np.unique(np.rint(values))]
        return [float(f"{value:.6g}") for value in values]

    def suggest(self, trial: Any, name: str, *, whole: bool) -> Value:
        """Return the value that an Optuna trial is to have."""
        if self.choices:
            chosen: Value = trial.suggest_categorical(name, self.choices)
            return chosen
        low, high = self._range()
        if whole:
            return int(trial.suggest_int(name, int(low), int(high), log=self.log))
        return float(trial.suggest_float(name, low, high, log=self.log))

    def _range(self) -> tuple[float, float]:
        assert self.low is not None
        assert self.high is not None
        return float(self.low), float(self.high)


def grid_points(space: Mapping[str, SearchField], whole: frozenset[str]) -> list[dict[str, Value]]:
    """Return every point of the grid; whole: the fields that take whole numbers only."""
    axes = [field.grid(whole=name in whole) for name, field in space.items()]
    return [dict(zip(space, point, strict=True)) for point in product(*axes)]
