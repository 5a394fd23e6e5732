"""Copies a few public-domain photographs that scikit-image ships into a folder, for `make samples` to examine.

    python examples/sample_pictures.py build/samples

The package is only looked into, not imported: its own dependencies need not be there.
"""

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

# Photographs in the public domain or under CC0, says scikit-image's list of its data.
PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")


def main(folder: Path) -> None:
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("scikit-image is not installed\nhint: pip install --no-deps scikit-image")
    data = Path(spec.submodule_search_locations[0]) / "data"
    folder.mkdir(parents=True, exist_ok=True)
    for name in PHOTOGRAPHS:
        shutil.copyfile(data / name, folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
