from pathlib import Path

import pytest

from aivsreal.data.audit import Audit, audit
from aivsreal.data.audit_report import write_report
from aivsreal.data.sources import load_set
from aivsreal.data.toy import draw_toy_set
from tests.data.draw import as_bytes, photo


def drawn(root: Path, count: int = 24, *, ai_format: str = "JPEG") -> Path:
    """Pictures of two classes that differ in nothing but, if asked for, the file format."""
    for seed in range(count):
        for offset, name, form in ((0, "REAL", "JPEG"), (1000, "FAKE", ai_format)):
            path = root / "train" / name / f"{seed}.{form.lower()}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(as_bytes(photo(96, 80, seed + offset), form))
    return root


def said(result: Audit) -> str:
    return " ".join(finding.what for finding in result.findings)


def by_measure(result: Audit, measure: str) -> int:
    return next(copies.second_copies for copies in result.copies if copies.measure == measure)


def test_a_clean_set_has_no_shortcut_and_no_copies(tmp_path: Path) -> None:
    result = audit(load_set(draw_toy_set(tmp_path / "toy", n=120)))
    assert by_measure(result, "bytes") == by_measure(result, "pixels") == 0
    assert result.probe is not None
    assert next(p.auc for p in result.probe.probes if p.feature == "format") < 0.65


def test_a_format_that_gives_the_class_away_is_named(tmp_path: Path) -> None:
    result = audit(load_set(drawn(tmp_path, ai_format="PNG")))
    assert result.probe is not None
    assert next(p.auc for p in result.probe.probes if p.feature == "format") == pytest.approx(1.0)
    assert "format" in said(result).lower()


def test_copies_and_leaks_and_both_labels_are_found(tmp_path: Path) -> None:
    root = drawn(tmp_path)
    first = (root / "train" / "REAL" / "0.jpeg").read_bytes()
    (root / "train" / "REAL" / "copy.jpeg").write_bytes(first)
    (root / "train" / "FAKE" / "contradiction.jpeg").write_bytes((root / "train/REAL/1.jpeg").read_bytes())
    (root / "test" / "REAL").mkdir(parents=True)
    (root / "test" / "REAL" / "leak.jpeg").write_bytes((root / "train/REAL/2.jpeg").read_bytes())
    result = audit(load_set(root))
    same = next(copies for copies in result.copies if copies.measure == "pixels")
    assert same.second_copies == 3
    assert same.both_labels == 1
    assert [(leak.pictures, leak.of_split, leak.also_in) for leak in same.leaks] == [(1, "test", "train")]


def test_a_resaved_picture_is_a_near_copy(tmp_path: Path) -> None:
    root = drawn(tmp_path)
    (root / "train" / "REAL" / "resaved.jpeg").write_bytes(as_bytes(photo(96, 80, 3), "JPEG", quality=40))
    result = audit(load_set(root))
    assert by_measure(result, "pixels") == 0
    assert by_measure(result, "look") >= 1


def test_an_unreadable_picture_is_listed_and_stops_nothing(tmp_path: Path) -> None:
    root = drawn(tmp_path)
    (root / "train" / "REAL" / "broken.jpg").write_bytes(b"\xff\xd8\xff and then nothing")
    result = audit(load_set(root))
    assert [Path(one.key).name for one in result.unreadable] == ["broken.jpg"]


def test_the_report_is_one_file_that_asks_for_nothing_and_escapes_names(tmp_path: Path) -> None:
    root = drawn(tmp_path / "set")
    data = (root / "train" / "REAL" / "0.jpeg").read_bytes()
    (root / "train" / "REAL" / "<script>alert(1)<.jpeg").write_bytes(data)
    labelled = load_set(root)
    write_report(tmp_path / "audit.html", audit(labelled), labelled)
    page = (tmp_path / "audit.html").read_text("utf-8")
    assert "<script>alert(1)" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "data:image/" in page


def test_photos_show_the_shortcuts_that_their_description_states(shared: Path) -> None:
    result = audit(load_set(shared / "data" / "photos", where=["split=train"]))
    assert result.probe is not None
    auc = {(p.of, p.feature): p.auc for p in result.probe.probes}
    originals = {name: value for (of, name), value in auc.items() if "original" in of}
    assert originals["aspect ratio"] == pytest.approx(0.84, abs=0.06)
    assert originals["quality"] == pytest.approx(0.68, abs=0.08)
    assert originals["format"] == pytest.approx(0.61, abs=0.08)
    assert "style" in said(result)
