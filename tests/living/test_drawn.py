"""Gate and monitor judge remembered pictures as a verdict does: what looks drawn by its stricter threshold."""

from dataclasses import replace

from aivsreal.living.gate import _on_memories
from aivsreal.living.monitor import reference_lot
from aivsreal.verdict import Drawn

ALL = Drawn(weight=(0.0,), bias=1.0, stricter=60.0)


def where_all_look_drawn(tower):
    return replace(tower, card=tower.card.model_copy(update={"drawn": ALL}))


def test_the_reference_of_a_monitor_calls_nothing_ai_where_all_looks_drawn(tower):
    assert "ai" in reference_lot(tower).words
    assert "ai" not in reference_lot(where_all_look_drawn(tower)).words


def test_a_gate_counts_no_accusation_where_all_looks_drawn(tower):
    judged = list(_on_memories(tower, where_all_look_drawn(tower)))

    assert any(one.before for one in judged)
    assert not any(one.after for one in judged)
