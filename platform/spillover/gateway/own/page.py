"""An OpenAPI description as one HTML page: no other file, no network, readable without its script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from shlex import quote
from typing import Any

from ...domain.access import Role
from .endpoint import ROOT
from .schemas import SCHEMAS

Described = Mapping[str, Any]

_START = """export SPILLOVER_ADDRESS=<span class="origin">http://127.0.0.1:7265</span>
export RAY_AUTH_TOKEN=$(cat ~/.spillover/token)"""
_REST = '<dt><a href="#errors">errors</a></dt><dt><a href="#schemas">schemas</a></dt>'


def page(described: Described) -> str:
    """The page."""
    info = described["info"]
    calls = "".join(_section(tag, described) for tag in described["tags"])
    schemas = "".join(_schema(name, schema) for name, schema in sorted(described["components"]["schemas"].items()))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(info["title"])} API</title>
<style>{_data("api.css")}</style>
</head>
<body>
<nav aria-label="Calls">{_contents(described)}</nav>
<main>
<header>
<h1>{escape(info["title"])} API <small>{escape(info["version"])}</small></h1>
{_text(info["description"])}
<p>The same for programs: <a href="openapi.json">openapi.json</a>.</p>
{_copyable(_START)}
</header>
{calls}
{_errors(described["components"]["responses"])}
<section id="schemas"><h2>schemas</h2>{schemas}</section>
</main>
<script>{_data("api.js")}</script>
</body>
</html>
"""


def _data(name: str) -> str:
    return (files("spillover") / "data" / name).read_text()


def _calls(described: Described, tag: str) -> list[tuple[str, str, Described]]:
    operations = [(method, path, op) for path, item in described["paths"].items() for method, op in item.items()]
    return [call for call in operations if tag in call[2]["tags"]]


def _contents(described: Described) -> str:
    nouns = "".join(
        f'<dt><a href="#about-{escape(tag["name"])}">{escape(tag["name"])}</a></dt>'
        + "".join(
            f'<dd><a href="#{escape(op["operationId"])}">{_method(method)} {escape(path)}</a></dd>'
            for method, path, op in _calls(described, tag["name"])
        )
        for tag in described["tags"]
    )
    return f"<details open><summary>Calls</summary><dl>{nouns}{_REST}</dl></details>"


def _section(tag: Described, described: Described) -> str:
    name = escape(tag["name"])
    calls = "".join(_call(*call) for call in _calls(described, tag["name"]))
    return f'<section id="about-{name}"><h2>{name}</h2>{_text(tag["description"])}{calls}</section>'


def _call(method: str, path: str, operation: Described) -> str:
    return f"""<article id="{escape(operation["operationId"])}">
<h3>{_method(method)} <code>{_path(path)}</code> <span class="role">{_role(operation)}</span></h3>
{_text(operation["description"])}
{_parameters(operation)}
<dl class="facts">{_body(operation)}{_answers(operation)}</dl>
{_copyable(escape(_curl(method, path, operation)))}
</article>"""


def _method(method: str) -> str:
    return f'<b class="method {escape(method)}">{escape(method.upper())}</b>'


def _path(path: str) -> str:
    """Long paths may break after a slash."""
    return (escape(ROOT) + escape(path)).replace("/", "/<wbr>")


def _role(operation: Described) -> str:
    """Who may call it. Each role may all that the ones before it may; the last one has none above."""
    role = operation["x-least-role"]
    return "open" if role is None else escape(role) if role == Role.ADMIN else f"{escape(role)} and above"


def _parameters(operation: Described) -> str:
    rows = (
        (f"{{{p['name']}}}" if p["in"] == "path" else p["name"], p["schema"], p["description"])
        for p in operation["parameters"]
    )
    return _table(rows)


def _body(operation: Described) -> str:
    if "requestBody" not in operation:
        return ""
    return f"<dt>takes</dt><dd>{_content(operation['requestBody'])}</dd>"


def _answers(operation: Described) -> str:
    answers = {status: answer for status, answer in operation["responses"].items() if "$ref" not in answer}
    errors = [
        f'<a href="#{escape(_name(answer["$ref"]))}">{escape(status)}</a>'
        for status, answer in operation["responses"].items()
        if status not in answers
    ]
    lines = "".join(f"<dt>{escape(status)}</dt><dd>{_content(answer)}</dd>" for status, answer in answers.items())
    return f"{lines}<dt>errors</dt><dd>{', '.join(errors)}</dd>"


def _errors(responses: Described) -> str:
    lines = "".join(
        f'<dt id="{escape(name)}">{escape(name)}</dt><dd>{_inline(answer["description"])}</dd>'
        for name, answer in responses.items()
    )
    return f'<section id="errors"><h2>errors</h2><p>All in plain text.</p><dl class="facts">{lines}</dl></section>'


def _content(message: Described) -> str:
    [(media, content)] = message["content"].items()
    return _type(content["schema"]) if content.get("schema", {}).get("$ref") else f"<code>{escape(media)}</code>"


def _schema(name: str, schema: Described) -> str:
    rows = ((field, part, part.get("description", "")) for field, part in schema["properties"].items())
    return f'<article id="{escape(name)}"><h3>{escape(name)}</h3>{_text(schema["description"])}{_table(rows)}</article>'


def _table(rows: Iterable[tuple[str, Described, str]]) -> str:
    lines = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_type(schema)}</td>"
        f"<td>{_inline(text)}{_choices(schema)}{_default(schema)}</td></tr>"
        for name, schema, text in rows
    )
    return f"<table><tbody>{lines}</tbody></table>" if lines else ""


def _type(schema: Described) -> str:
    """`number or null`, `list of QueueEntry`, `map of number`; names of schemas lead to them."""
    if "$ref" in schema:
        name = escape(_name(schema["$ref"]))
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type(schema['additionalProperties'])}"
    types = schema.get("type", "anything")
    return escape(types if isinstance(types, str) else " or ".join(types))


def _choices(schema: Described) -> str:
    choices = schema.get("enum") or schema.get("items", {}).get("enum") or ()
    return " One of " + ", ".join(f"<code>{escape(c)}</code>" for c in choices) + "." if choices else ""


def _default(schema: Described) -> str:
    return f" Default <code>{escape(json.dumps(schema['default']))}</code>." if "default" in schema else ""


def _name(reference: str) -> str:
    return reference.removeprefix(SCHEMAS).rpartition("/")[2]


def _curl(method: str, path: str, operation: Described) -> str:
    words = ["curl" if method == "get" else f"curl -X {method.upper()}"]
    where = re.sub(r"{(\w+)}", lambda match: match[1].upper(), path)
    words[0] += f' "$SPILLOVER_ADDRESS{ROOT}{where}"'
    if operation["security"]:
        words.append('-H "Authorization: Bearer $RAY_AUTH_TOKEN"')
    if "requestBody" in operation:
        words.append("-d " + quote(json.dumps(operation["requestBody"]["content"]["application/json"]["example"])))
    return " \\\n  ".join(words)


def _copyable(html: str) -> str:
    return f'<div class="copyable"><pre>{html}</pre><button type="button" hidden>copy</button></div>'


def _text(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.split("\n\n") if part.strip())


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
