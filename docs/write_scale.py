"""Writes docs/scale.md: what 100 million pictures a day need, worked out from measured rates.

    python docs/write_scale.py        # writes; a test checks that nothing has changed since

Measured: docs/results/benchmarks/remote_overhead.json and one_verdict.txt. Assumed: the constants below, which the
page names as assumptions.
"""

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE / "scale.md"
MEASURED = HERE / "results" / "benchmarks"

A_DAY = 100_000_000
SECONDS_A_DAY = 86_400
# Assumptions, none of them measured here.
BUSY = 0.7  # of a core's time goes into pictures; the rest is waiting, restarts, the last parts of a run
CORES = 32  # of a machine
CORE_HOUR = 0.04  # dollars, rented by the hour
GET_1000 = 0.0004  # dollars for a thousand requests to an object store
MEGAPIXEL_BYTES = 300_000  # of a photograph of one megapixel, as JPEG
LISTED, LIST_SECONDS = 1000, 0.1  # names a request of a listing, and how long it takes
PART_SIZE = 4096


def page() -> str:
    found = json.loads((MEASURED / "remote_overhead.json").read_text("utf-8"))
    single, ray = found["runs"]["one process"], found["runs"]["ray, two workers"]
    killed = found["runs"]["ray, one of two workers killed"]
    factor = found["ray_to_one_process"]["processor_seconds"]
    a_second = A_DAY / SECONDS_A_DAY
    return f"""# Beyond one machine

`aivsreal predict URL... --out URL --engine ray` spreads a run over a Ray cluster: the one that `RAY_ADDRESS` names,
else the cores of this machine. Every machine needs `aivsreal[ray]`, the storage package (s3fs, gcsfs, ...), its login,
and the same model in the same place; a worker with another model refuses to begin.

## What was measured

{found["pictures"]:,} pictures of {found["bytes_a_picture"] / 1000:.0f} kB on an S3 server on the same machine ({found["cores"]} cores, which other jobs shared),
{found["model"]} {"with the stability check" if found["stability_check"] else "with `--fast`"}; `benchmarks/remote_overhead.py` wrote the figures.

| way | seconds | processor seconds | first part after | largest worker | load before and after |
|---|---|---|---|---|---|
{row("one process, two threads", single)}
{row("Ray, two workers", ray)}
{row("Ray, one worker killed", killed)}

Rows with Ray {equal(found["rows_equal_with_ray"])} those of one process, and so {equal(found["rows_equal_with_a_killed_worker"], "do", "do not")} those of the run in which a worker was killed
with SIGKILL in the middle of a part, {killed["parts_done_when_killed"]} of {-(-found["pictures"] // found["part_size"])} parts being done: nothing lost, nothing doubled. Ray took {factor:.2f} times the
processor time and {found["ray_to_one_process"]["seconds"]:.2f} times the seconds of one process. Part of that is paid once, for starting the cluster; on one
machine one process is the better way.

## {A_DAY:,} pictures a day

That is {a_second:,.0f} a second. Assumed: cores are busy with pictures {BUSY:.0%} of the time, machines have {CORES} cores, a
core costs ${CORE_HOUR:.2f} an hour. The factor for Ray is the measured one, with its start, which a long run pays
only once.

| model | seconds of a core a picture | cores | machines | memory of workers | dollars a day |
|---|---|---|---|---|---|
{chr(10).join(need(name, seconds * factor, ray["largest_worker_mb"]) for name, seconds in costs(found).items())}

Memory is the measured largest worker (photos-small) times the cores; `photos` needs about twice that, see
`docs/results/benchmarks/web_load.txt`. Rates are those of this machine's cores, one thread a picture; measure yours
with `benchmarks/one_verdict.py`, and multiply.

- **Network:** {a_second * found["bytes_a_picture"] * 8 / 1e9:.1f} Gbit/s for pictures like the measured, {a_second * MEGAPIXEL_BYTES * 8 / 1e9:.1f} Gbit/s for photographs of one megapixel (assumed {MEGAPIXEL_BYTES // 1000} kB), in
  one region with the bucket.
- **Requests:** one GET a picture, ${A_DAY / 1000 * GET_1000:.0f} a day at an assumed ${GET_1000} for a thousand.
- **Output:** {A_DAY * found["bytes_a_row"] / 1e9:.0f} GB of parquet a day at the measured {found["bytes_a_row"]} bytes a row.

## Where it breaks first

1. **The people who read the verdicts.** On what it has never met the default model calls {accused():.1%} of photographs AI
   (docs/how-good-is-it.md): of {A_DAY:,} photographs a day about {A_DAY * accused() / 1e6:.1f} million accusations that are wrong. Send verdicts to a second
   look, not to a button.
2. **Listing.** One process lists before the first picture is examined: {A_DAY // LISTED:,} requests for {LISTED:,} names each, one after
   another, {A_DAY / LISTED * LIST_SECONDS / 3600:.1f} hours at an assumed {LIST_SECONDS} s. Name the pictures by a table (parquet, `path`), or begin a run an hour with
   its own prefix.
3. **Parts.** A part is a task of Ray and a file: {-(-A_DAY // 256):,} of the default 256 pictures crowd the one process that hands them
   out, {-(-A_DAY // PART_SIZE):,} of `--part-size {PART_SIZE}` are easier on it. A killed worker then loses up to {PART_SIZE:,} pictures' time.
4. **Going on.** A run that goes on reads every part that is done, one after another, before it begins: another reason
   for large parts and a run an hour.
5. **One bucket.** Object stores slow down who asks too much of one prefix; what they refuse is tried again three times, then
   is a row with `unreachable`, which the same command tries again.
6. **One web server.** One that is silent for 30 seconds is tried again, too. Where it is down for two minutes, its
   other pictures are `unreachable` at once; where nothing of a part can be had, the command says so and ends.

The cluster's head is one machine: when it dies, the command ends. The same command goes on with the parts that are left.
"""


def row(name: str, run: dict[str, Any]) -> str:
    before, after = run["load_average"]
    return (
        f"| {name} | {run['seconds']} | {run['processor_seconds']} | {run['seconds_to_first_part']} s | "
        f"{run['largest_worker_mb']} MB | {before}, {after} |"
    )


def equal(value: bool, yes: str = "equal", no: str = "do not equal") -> str:
    return yes if value else no


def costs(found: dict[str, Any]) -> dict[str, float]:
    """Seconds of one core that a picture takes, by model and way."""
    measured = found["runs"]["one process"]["processor_seconds"] / found["pictures"]
    known = {f"{found['model'].split()[0]} --fast, pictures as measured": measured}
    model = ""
    for line in (MEASURED / "one_verdict.txt").read_text("utf-8").splitlines():
        if timed := re.match(r"1 megapixel +(.+?) +(\d+) ms", line):
            known[f"{model}, 1 megapixel, {timed[1]}"] = int(timed[2]) / 1000
        elif not line.startswith("12"):
            model = line.split()[0]
    return known


def need(name: str, seconds: float, worker_mb: float) -> str:
    cores = A_DAY / SECONDS_A_DAY * seconds / BUSY
    machines = -int(-cores // CORES)
    return (
        f"| {name} | {seconds:.3f} | {cores:,.0f} | {machines} | {cores * worker_mb / 1e6:.2f} TB | "
        f"{machines * CORES * CORE_HOUR * 24:,.0f} |"
    )


def accused() -> float:
    figures = json.loads((HERE / "results" / "photos-unseen.json").read_text("utf-8"))
    return float(figures["aligned"]["false_positive_rate"]["value"])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
