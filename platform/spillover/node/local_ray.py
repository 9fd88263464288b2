"""The `ray` that starts a local node."""

import sys
from pathlib import Path

# Nodes of a local cluster share Ray's session folder, and Ray unpacks a working directory anew on each node that has
# not seen it: it would pull the folder from under a driver that already runs in it.
_RAY = '''#!{python}
"""Ray's command line, but what it unpacks for jobs goes into a folder of this node alone."""
import sys

from ray._private import ray_constants
from ray.scripts.scripts import main

ray_constants.DEFAULT_RUNTIME_ENV_DIR_NAME = "runtime_resources/{node}"
sys.exit(main())
'''


def write_ray(folder: Path, node_id: str) -> None:
    """Put it into a folder that stands first in the PATH of the node's start command."""
    folder.mkdir(exist_ok=True)
    program = folder / "ray"
    program.write_text(_RAY.format(python=sys.executable, node=node_id))
    program.chmod(0o755)
