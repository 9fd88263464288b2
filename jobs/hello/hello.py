"""The smallest job: says where it runs. Tests use it to count runs, to wait, and to fail.

ray job submit --working-dir jobs/hello -- python hello.py
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time

JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # `ray job submit` hands a driver its id and metadata in this variable


def main() -> int:
    p = argparse.ArgumentParser(
        prog="hello.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--sleep", type=float, default=0.0, metavar="SECONDS", help="before the end")
    p.add_argument("--append", metavar="FILE", help="append one line, at the start: 'SUBMISSION_ID ATTEMPT'")
    p.add_argument("--fail", action="store_true", help="exit with 1")
    p.add_argument("--ray", action="store_true", help="connect to the cluster and print its resources")
    args = p.parse_args()

    submission_id, attempt = identity()
    if args.append:
        append_line(args.append, f"{submission_id} {attempt}")
    print(f"hello from {socket.gethostname()}: job {submission_id}, attempt {attempt}", flush=True)
    if args.ray:
        print_cluster()
    time.sleep(args.sleep)
    if args.fail:
        print("failed: --fail was given", flush=True)
        return 1
    print("done", flush=True)
    return 0


def identity() -> tuple[str, int]:
    """Ray knows no attempts; whoever runs a job again gives it an id that ends in -a2, -a3, ..."""
    metadata = json.loads(os.environ.get(JOB_CONFIG, "{}")).get("metadata", {})
    submission_id = str(metadata.get("job_submission_id", "none"))
    _, _, number = submission_id.rpartition("-a")
    return submission_id, int(number) if number.isdecimal() and number != submission_id else 1


def append_line(path: str, line: str) -> None:
    """In one write, on disk before we go on: lines of several runs never mix, and none is lost to a kill."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, f"{line}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)


def print_cluster() -> None:
    import ray  # half a second and 60 MB, which a plain run does not pay

    ray.init(logging_level="WARNING")
    context = ray.get_runtime_context()
    print(f"node {context.get_node_id()}, resources {ray.cluster_resources()}", flush=True)
    ray.shutdown()


if __name__ == "__main__":
    sys.exit(main())
