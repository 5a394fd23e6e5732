"""Verdicts on more pictures than one sitting or one machine takes: anywhere in, parquet anywhere out.

    from aivsreal.remote import examine

    outcome = examine(["s3://bucket/pictures/"], "s3://bucket/verdicts/")

`locations` finds the pictures, `reading` fetches them, `job` cuts them into parts and goes on where it stopped,
`engine_ray` spreads the parts over a cluster.
"""

from aivsreal.remote.job import Outcome, examine
from aivsreal.remote.locations import pictures_at

__all__ = ["Outcome", "examine", "pictures_at"]
