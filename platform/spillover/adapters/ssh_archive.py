"""The one file that is shipped to hosts: what runs Ray there, as a Python zip application."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

from .. import node

# What an old Python can read, too
_MAIN = """import json
import sys
if sys.version_info < (3, 10):
    found = ".".join(str(part) for part in sys.version_info[:3])
    print(json.dumps({"ok": False, "error": "python3 there is " + found + "; Ray needs 3.10 or later"}))
    sys.exit(1)
from spillover.node.host_ray import main
sys.exit(main(sys.argv[1:]))
"""
_MODULES = ("host_ray", "host_facts", "processes")


@cache
def host_program() -> bytes:
    """The same bytes for the same sources."""
    folder = Path(node.__file__).parent
    files = {"__main__.py": _MAIN, "spillover/__init__.py": "", "spillover/node/__init__.py": ""}
    files |= {f"spillover/node/{name}.py": (folder / f"{name}.py").read_text() for name in _MODULES}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()
