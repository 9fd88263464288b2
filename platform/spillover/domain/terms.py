"""What the settings assume of jobs that say nothing about it themselves, and where data lives."""

from __future__ import annotations

from dataclasses import dataclass

from .data import Place

CLOUD_EGRESS_USD_PER_GB = 0.09
"""What clouds charge for a GB that leaves them for the internet, up to 10 TB a month; to another of their regions it is
about $0.02. https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer"""

CLOUD_STORAGE_USD_PER_GB_MONTH = 0.023
"""S3 Standard, first 50 TB. https://aws.amazon.com/s3/pricing/"""

SPOT_INTERRUPTIONS_PER_HOUR = 0.3
"""How often a spot node is taken back, where nobody has measured it: 1,887 ends in 6,325 hours in which a V100 could be
had, in nine zones of AWS over 45 days of 2023; by zone 0.1 to 1.4. From the availability traces of "Can't Be Late"
(NSDI'24), https://github.com/skypilot-org/spot-traces"""


@dataclass(frozen=True)
class Terms:
    """How resumable jobs checkpoint and move, and the places of data.

    `checkpoint_gb` is the size of one checkpoint for each GPU of the gang; a job without any counts as one.
    `checkpoint_every_s` is the time between two, `restart_s` what a job takes to begin again once its nodes are up,
    `move_s` its pause when it moves to another pool.
    """

    checkpoint_every_s: float = 600.0
    checkpoint_gb: float = 10.0
    restart_s: float = 120.0
    move_s: float = 360.0
    places: tuple[Place, ...] = ()
