"""Checks of a job's `runtime_env`, without importing Ray.

Ray's server takes any dict here and the job fails when it starts. A job may wait for hours before it starts, so its
mistakes are found now, in Ray's own words where Ray has words for them. Unknown keys belong to plugins and pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

_REMOTE = ("http", "https", "s3", "gs", "azure", "abfss", "file")
_ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar.xz")
_FORMATS = {"working_dir": _ARCHIVES, "py_modules": (".zip", ".whl", ".tar.gz", ".tgz", ".tar.xz")}
_ALONE = {"container": {"container", "config", "env_vars"}, "image_uri": {"image_uri", "config", "env_vars"}}
_DICT_FIELDS = {
    "pip": {"packages", "pip_check", "pip_install_options", "pip_version"},
    "uv": {"packages", "uv_check", "uv_version", "uv_pip_install_options"},
}


def check_runtime_env(env: Mapping[str, Any]) -> None:
    """Raise TypeError or ValueError that says what is wrong first."""
    given = {key: value for key, value in env.items() if value is not None}
    _check_together(given)
    for key, value in given.items():
        check = _CHECKS.get(key)
        if check:
            check(key, value)


def _check_together(env: Mapping[str, Any]) -> None:
    if sum(key in env for key in ("pip", "uv", "conda")) > 1:
        raise ValueError(
            "The 'pip' field, 'uv' field, and 'conda' field of runtime_env cannot be specified at the same time."
        )
    for key, allowed in _ALONE.items():
        # Keys with an underscore are Ray's own marks, such as `_ray_commit`.
        others = sorted(k for k in env if k not in allowed and not k.startswith("_"))
        if env.get(key) and others:
            raise ValueError(
                f"The '{key}' field currently cannot be used together with other fields of runtime_env. "
                f"Specified fields: {others}"
            )


def _check_working_dir(key: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"`working_dir` must be a string, got {type(value)}.")
    if value:
        _check_uri(key, value)


def _check_py_modules(key: str, value: Any) -> None:
    if not isinstance(value, list):
        raise TypeError(f"`py_modules` must be a list of strings, got {type(value)}.")
    for module in value:
        if not isinstance(module, str):
            raise TypeError(f"`py_module` must be a string, got {type(module)}.")
        _check_uri(key, module)


def _check_uri(key: str, uri: str) -> None:
    scheme, rest = _split(uri)
    if not scheme:
        raise ValueError(
            f"{key} '{uri}' is a path on your machine. Ray's clients upload it and send the URI of the package; "
            "without them, PUT it to /api/packages/gcs/NAME.zip and send 'gcs://NAME.zip'."
        )
    if scheme == "local":
        _check_local(uri, rest)
    elif scheme != "gcs" and scheme not in _REMOTE:
        known = ", ".join(("gcs", *_REMOTE, "local"))
        raise ValueError(f"{key} '{_bare(uri)}' has an unknown protocol '{scheme}'. Supported protocols: {known}.")
    elif not rest.endswith(_FORMATS[key]):
        formats = ", ".join(_FORMATS[key])
        raise ValueError(f"Only {formats} files are supported for {key} URIs; got {_bare(uri)}.")


def _split(uri: str) -> tuple[str, str]:
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise ValueError(f"'{_bare(uri)}' is no URI: {error}") from None
    return parts.scheme, parts.netloc + parts.path


def _bare(uri: str) -> str:
    """The URI without its query, which may hold a signature."""
    return uri.partition("?")[0]


def _check_local(uri: str, path: str) -> None:
    if not uri.startswith("local:///"):
        raise ValueError(
            f'Invalid "local://" runtime_env URI "{uri}": write the absolute path, local:///path/in/image.'
        )
    if path.endswith(_FORMATS["py_modules"]):
        raise ValueError(f'Invalid "local://" runtime_env URI "{uri}": the path must be a directory, not an archive.')


def _check_strings(key: str, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"runtime_env['{key}'] must be of type List[str], got {type(value)}")


def _check_text(key: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"runtime_env['{key}'] must be of type str, got {type(value)}")


def _check_dict(key: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise TypeError(f"runtime_env['{key}'] must be of type dict, got {type(value)}")


def _check_env_vars(key: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise TypeError(f"runtime_env['{key}'] must be of type Dict[str, str], got {type(value)}")
    for name, text in value.items():
        if not isinstance(text, str):
            # Ray shows the value; it may be a secret, so the name is shown.
            raise TypeError(
                f"runtime_env['{key}'] must be of type Dict[str, str], but the value of {name} is of type {type(text)}"
            )


def _check_conda(key: str, value: Any) -> None:
    if not isinstance(value, str | dict):
        raise TypeError(f"runtime_env['{key}'] must be of type str or dict, got {type(value)}.")
    if isinstance(value, str) and value.endswith((".yaml", ".yml")):
        raise ValueError(_local_file(key, value, "a dict"))


def _check_packages(key: str, value: Any) -> None:
    if isinstance(value, dict):
        _check_package_fields(key, value)
        value = value["packages"]
    if isinstance(value, str):
        raise ValueError(_local_file(key, value, "a list"))  # noqa: TRY004  the type is one of Ray's, the value is not
    if not isinstance(value, list):
        raise TypeError(f"runtime_env['{key}'] must be of type str or List[str], got {type(value)}")
    _check_items(f"runtime_env['{key}']['packages']", value)


def _check_package_fields(key: str, value: Mapping[str, Any]) -> None:
    fields = _DICT_FIELDS[key]
    if set(value) - fields:
        known = ", ".join(sorted(fields))
        raise ValueError(f"runtime_env['{key}'] can only have these fields: {known}, but got: {list(value)}")
    if "packages" not in value:
        raise ValueError(f"runtime_env['{key}'] must include field 'packages', but got {dict(value)}")
    for field, kind in ((f"{key}_check", bool), (f"{key}_version", str)):
        if not isinstance(value.get(field, kind()), kind):
            raise TypeError(
                f"runtime_env['{key}']['{field}'] must be of type {kind.__name__}, got {type(value[field])}"
            )
    options = next((f for f in value if f.endswith("install_options")), None)
    if options:
        _check_items(f"runtime_env['{key}']['{options}']", value[options])


def _check_items(where: str, items: Any) -> None:
    if not isinstance(items, list):
        raise TypeError(f"{where} must be of type list[str] got {type(items)}")
    for index, item in enumerate(items):
        if not isinstance(item, str):
            raise TypeError(f"{where} must be of type list[str] got {type(item)} for {index}-th item.")


def _local_file(key: str, path: str, kind: str) -> str:
    return (
        f"runtime_env '{key}' names '{path}', a file on your machine. Ray's clients read it and send what it says; "
        f"without them, send its content as {kind}."
    )


def _check_config(_: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise TypeError(f"runtime_env['config'] must be of type dict or RuntimeEnvConfig, got: {type(value)}")
    timeout = value.get("setup_timeout_seconds", 1)
    if not isinstance(timeout, int):
        raise TypeError(f"setup_timeout_seconds must be of type int, got: {type(timeout)}")
    if timeout <= 0 and timeout != -1:
        raise ValueError(f"setup_timeout_seconds must be greater than zero or equals to -1, got: {timeout}")
    eager = value.get("eager_install", True)
    if not isinstance(eager, bool):
        raise TypeError(f"eager_install must be a boolean. got {type(eager)}")


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "working_dir": _check_working_dir,
    "py_modules": _check_py_modules,
    "excludes": _check_strings,
    "conda": _check_conda,
    "pip": _check_packages,
    "uv": _check_packages,
    "env_vars": _check_env_vars,
    "config": _check_config,
    "container": _check_dict,
    "image_uri": _check_text,
    "py_executable": _check_text,
    "worker_process_setup_hook": _check_text,
}
