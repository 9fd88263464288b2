"""Mistakes in a runtime_env are found before a job waits with them."""

from typing import Any

import pytest

from spillover.gateway.runtime_env import check_runtime_env

FINE: list[dict[str, Any]] = [
    {},
    {"working_dir": "gcs://_ray_pkg_0123.zip"},
    {"working_dir": "s3://bucket/code.zip"},
    {"working_dir": "https://host/code.tar.gz?signature=x.y"},
    {"working_dir": "https://user:pass@host:8443/code.tgz"},
    {"working_dir": "file:///shared/code.zip"},
    {"working_dir": "local:///app"},
    {"working_dir": None, "pip": None, "conda": "base"},
    {"py_modules": ["gcs://m-1.0-py3-none-any.whl", "s3://b/m.tar.xz", "local:///app"]},
    {"pip": ["requests==2.32"]},
    {"pip": {"packages": ["requests"], "pip_check": False}, "_ray_commit": "abc"},
    {"pip": {"packages": ["a"], "pip_version": "==23", "pip_install_options": ["--no-cache-dir"]}},
    {"uv": {"packages": ["requests"], "uv_check": True}},
    {"conda": {"dependencies": ["pip"]}},
    {"conda": "pytorch_p36"},
    {"env_vars": {"A": "1"}},
    {"excludes": ["*.bin"]},
    {"config": {"setup_timeout_seconds": -1, "eager_install": False}},
    {"container": {"image": "x"}, "env_vars": {"A": "1"}},
    {"image_uri": "rayproject/ray:2.60.0"},
    {"worker_process_setup_hook": "module.hook"},
    {"my_plugin": {"anything": [1, 2]}},
]

RAYS_WORDS: list[tuple[dict[str, Any], str]] = [
    ({"working_dir": 1}, "`working_dir` must be a string"),
    ({"working_dir": "local://app"}, "local:///path/in/image"),
    ({"working_dir": "local:///app.zip"}, "must be a directory"),
    ({"working_dir": "ftp://host/code.zip"}, "ftp"),
    ({"working_dir": "gcs://m-1.0-py3-none-any.whl"}, "Only .zip, .tar.gz, .tgz, .tar.xz files are supported"),
    ({"working_dir": "https://host/code.rar?token=secret"}, "got https://host/code.rar."),
    ({"py_modules": "gcs://x.zip"}, "`py_modules` must be a list of strings"),
    ({"py_modules": [1]}, "`py_module` must be a string"),
    ({"pip": 1}, "runtime_env['pip'] must be of type str or List[str]"),
    ({"pip": ["a", 1]}, "runtime_env['pip']"),
    ({"pip": {"pip_check": True}}, "must include field 'packages'"),
    ({"pip": {"packages": ["a"], "foo": 1}}, "can only have these fields"),
    ({"pip": {"packages": ["a"], "pip_check": 1}}, "runtime_env['pip']['pip_check'] must be of type bool"),
    ({"pip": {"packages": ["a"], "pip_version": 1}}, "runtime_env['pip']['pip_version'] must be of type str"),
    ({"pip": {"packages": ["a"], "pip_install_options": "x"}}, "['pip_install_options'] must be of type list[str]"),
    ({"uv": 1}, "runtime_env['uv'] must be of type"),
    ({"uv": {"packages": [1]}}, "runtime_env['uv']['packages'] must be of type list[str]"),
    ({"conda": 1}, "runtime_env['conda'] must be of type str or dict"),
    ({"pip": ["a"], "conda": "base"}, "cannot be specified at the same time."),
    ({"env_vars": [["A", "1"]]}, "runtime_env['env_vars'] must be of type Dict[str, str]"),
    ({"env_vars": {"A": 1}}, "runtime_env['env_vars'] must be of type Dict[str, str], but the value"),
    ({"excludes": "x"}, "runtime_env['excludes'] must be of type List[str]"),
    ({"config": []}, "runtime_env['config'] must be of type dict or RuntimeEnvConfig"),
    ({"config": {"setup_timeout_seconds": "1"}}, "setup_timeout_seconds must be of type int"),
    ({"config": {"setup_timeout_seconds": 0}}, "setup_timeout_seconds must be greater than zero"),
    ({"config": {"eager_install": 1}}, "eager_install must be a boolean"),
    ({"container": {"image": "x"}, "pip": ["a"]}, "The 'container' field currently cannot be used together"),
    ({"image_uri": "x", "pip": ["a"]}, "The 'image_uri' field currently cannot be used together"),
]

OWN_WORDS: list[tuple[dict[str, Any], str]] = [
    ({"working_dir": "./code"}, "working_dir './code' is a path on your machine"),
    ({"py_modules": ["./m"]}, "py_modules './m' is a path on your machine"),
    ({"pip": "requirements.txt"}, "'requirements.txt', a file on your machine"),
    ({"pip": {"packages": "requirements.txt"}}, "'requirements.txt', a file on your machine"),
    ({"conda": "env.yaml"}, "'env.yaml', a file on your machine"),
    ({"pip": {"packages": 1}}, "runtime_env['pip'] must be of type str or List[str]"),
    ({"env_vars": {"A": 1}}, "the value of A is of type <class 'int'>"),
]


@pytest.mark.parametrize("env", FINE, ids=str)
def test_what_ray_takes_is_taken(env: dict[str, Any]) -> None:
    """An environment that Ray accepts passes."""
    from ray.runtime_env import RuntimeEnv
    from ray.runtime_env.runtime_env import _validate_no_local_paths

    _validate_no_local_paths(RuntimeEnv(**env))
    check_runtime_env(env)


@pytest.mark.parametrize(("env", "text"), RAYS_WORDS, ids=str)
def test_rays_words_are_kept(env: dict[str, Any], text: str) -> None:
    """An environment that Ray refuses is refused in Ray's words."""
    assert text in ours(env)
    assert text in rays(env)


@pytest.mark.parametrize(("env", "text"), OWN_WORDS, ids=str)
def test_own_words_are_clearer(env: dict[str, Any], text: str) -> None:
    """Where Ray's words would mislead over HTTP or are broken, what Ray refuses is refused in our own."""
    assert text in ours(env)
    assert rays(env)


def ours(env: dict[str, Any]) -> str:
    with pytest.raises((TypeError, ValueError)) as error:
        check_runtime_env(env)
    return str(error.value)


def rays(env: dict[str, Any]) -> str:
    from ray.runtime_env import RuntimeEnv
    from ray.runtime_env.runtime_env import _validate_no_local_paths

    with pytest.raises((TypeError, ValueError)) as error:
        _validate_no_local_paths(RuntimeEnv(**env))
    return str(error.value)


def test_local_path_says_what_to_do() -> None:
    """A working_dir on the user's machine is refused with the way to send it."""
    assert "PUT it to /api/packages/gcs/NAME.zip" in ours({"working_dir": "./code"})


def test_secret_values_stay_out_of_errors() -> None:
    """The error about an env var names it, and does not show its value."""
    text = ours({"env_vars": {"TOKEN": 123456789}})
    assert "TOKEN" in text
    assert "123456789" not in text


def test_unreadable_uri_is_a_mistake() -> None:
    """A URI that Python cannot parse is a mistake of the user, not a crash."""
    assert "no URI" in ours({"working_dir": "https://[::1/code.zip"})
