"""The Python SDK asks a real gateway what it means, and gives back what that answers, typed."""

import dataclasses
import json
import socket
import typing
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import spillover
from spillover import Client, job_metadata
from spillover.client import public, reading
from spillover.domain.access import Role
from spillover.domain.answers import Bill, Explanation, Health, Message, NewToken, Page, QueueEntry, Quote, TokenView
from spillover.domain.questions import (
    MOST_ITEMS,
    ApplicationQuery,
    CostQuery,
    EventQuery,
    KeyQuery,
    KeyRequest,
    PoolQuery,
    QueueQuery,
    ShadowQuery,
    TokenQuery,
    TokenRequest,
    UsageQuery,
)
from spillover.errors import BadArgument, BadRequest, Forbidden, NoServer, NotFound, Unauthenticated
from spillover.gateway.own import ENDPOINTS

MOMENT = datetime(2026, 12, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ask", "asked"),
    [
        (lambda c: c.pools(), ("pools", PoolQuery(limit=MOST_ITEMS))),
        (
            lambda c: c.pools(kind="launched", role="burst", status=["up", "down"], limit=3),
            ("pools", PoolQuery("launched", "burst", ("up", "down"), 3)),
        ),
        (lambda c: c.cost(), ("cost", CostQuery())),
        (
            lambda c: c.cost(["team", "day"], since=date(2026, 12, 1), until="2027-01-01", team="a", compare=True),
            ("cost", CostQuery(("team", "day"), "2026-12-01", "2027-01-01", "a", compare=True)),
        ),
        (lambda c: c.cost("team"), ("cost", CostQuery(("team",)))),
        (lambda c: c.shadow(), ("shadow", ShadowQuery())),
        (lambda c: c.shadow(days=30, newest=5), ("shadow", ShadowQuery(30, 5))),
        (lambda c: c.events(), ("events", EventQuery(limit=200))),
        (
            lambda c: c.events("pool:onprem", actor="ann", since=MOMENT, limit=5),
            ("events", EventQuery("pool:onprem", "ann", MOMENT.timestamp(), 5)),
        ),
        (lambda c: c.events(since=12.5, limit=None), ("events", EventQuery(since=12.5, limit=MOST_ITEMS))),
        (lambda c: c.tokens(), ("tokens", TokenQuery(limit=MOST_ITEMS))),
        (
            lambda c: c.tokens(user="bob", role=Role.VIEWER, dead=True, limit=1),
            ("tokens", TokenQuery("bob", "viewer", dead=True, limit=1)),
        ),
        (lambda c: c.create_token("dora", "ads"), ("create", TokenRequest("dora", "ads"))),
        (
            lambda c: c.create_token("dora", "*", role="viewer", expires_in=timedelta(days=30)),
            ("create", TokenRequest("dora", "*", "viewer", 2592000.0)),
        ),
        (lambda c: c.create_token("d", "t", expires_in=0), ("create", TokenRequest("d", "t", expires_in_s=0))),
        (lambda c: c.create_token("d", "t", expires_in="1d"), ("create", TokenRequest("d", "t", expires_in_s=86400))),
        (lambda c: c.applications(), ("applications", ApplicationQuery(limit=MOST_ITEMS))),
        (
            lambda c: c.applications(team="search", user="ann", limit=2),
            ("applications", ApplicationQuery("search", "ann", 2)),
        ),
        (lambda c: c.keys(tenant="acme", dead=True, limit=1), ("keys", KeyQuery("acme", dead=True, limit=1))),
        (lambda c: c.create_key("acme"), ("create key", KeyRequest("acme"))),
        (
            lambda c: c.create_key(
                "acme",
                requests_per_minute=60,
                tokens_per_minute=5,
                regions="eu",
                applications=["a", "b"],
                expires_in="1d",
            ),
            ("create key", KeyRequest("acme", 60, 5, ("eu",), ("a", "b"), 86400.0)),
        ),
        (lambda c: c.usage(), ("usage", UsageQuery())),
        (
            lambda c: c.usage(["tenant", "day"], since=date(2026, 12, 1), until="2027-01-01", tenant="acme"),
            ("usage", UsageQuery(("tenant", "day"), "2026-12-01", "2027-01-01", "acme")),
        ),
    ],
)
def test_questions_arrive_as_they_were_meant(ask, asked, served):
    """Every typed argument reaches the service behind the gateway as what it is."""
    ask(served.client())
    assert served.service.asked == [asked]


def test_a_quote_asks_with_metadata_and_the_entrypoints_resources(served):
    """The arguments of a job and of its entrypoint arrive as the submit request that they would be."""
    said = {"workers": [(4, {"GPU": 2})], "runtime": timedelta(hours=2), "resumable": True}
    quote = served.client("alice").quote(
        "python train.py",
        **said,
        entrypoint_num_cpus=2,
        entrypoint_resources={"disk": 1},
        entrypoint_label_selector={"zone": "a"},
    )
    assert isinstance(quote, Quote)
    assert quote.offers[0].chosen
    [(_, user, request)] = served.service.asked
    assert (user, request.entrypoint, request.metadata) == ("alice", "python train.py", job_metadata(**said))
    assert (request.entrypoint_num_cpus, request.entrypoint_num_gpus) == (2, None)
    assert (request.entrypoint_resources, request.entrypoint_label_selector) == ({"disk": 1}, {"zone": "a"})


def test_answers_are_typed(served):
    """Each answer is the dataclass of the domain, down to what it holds."""
    client = served.client()
    assert client.health() == Health("ok")
    [pool] = client.pools()
    assert pool.nodes[0].resources == {"GPU": 8.0}
    explanation = client.explain("j1")
    assert isinstance(explanation, Explanation)
    assert explanation.job.submission_id == "j1"
    assert isinstance(client.cost(), Bill)
    assert client.shadow().differences == {"keeps": 1}
    assert client.events()[0].text == "submitted"
    assert isinstance(client.tokens()[0], TokenView)
    made = client.create_token("dora", "ads")
    assert isinstance(made, NewToken)
    assert (made.secret, made.token.user) == ("s3cret", "dora")
    assert client.revoke_token("ab12") == "ab12 is revoked"
    assert (client.revoke_key("k1"), client.stop_application("chat")) == ("k1 is revoked", "chat is taken down")
    assert (client.fence("onprem"), client.fold("on prem")) == ("onprem is fenced", "on prem will fold")
    assert client.hosts("onprem")[0].host == "10.0.0.1"
    assert client.drain_host("onprem", "h1") == "h1 of onprem drains"
    assert client.undrain_host("onprem", "h1") == "h1 of onprem comes back"
    assert client.repair_host("onprem", "h1") == "h1 of onprem is tried"


def test_a_server_that_is_starting_says_so(served):
    """`health` answers while the server is not ready yet, and takes no token."""
    served.service.is_ready = False
    assert Client(served.address).health() == Health("starting")


def pages_of(count, monkeypatch, served):
    """A queue of so many jobs, of which the service gives two at a time at most."""
    entry = QueueEntry("j0", "ann", "search", 0, "queued", "run", "{CPU:1}", 1.0, 2.0, "waits", "Waits.")
    asked = []

    async def queue(self, caller, query):
        asked.append(query)
        begin = int(query.after or 0)
        end = min(begin + min(query.limit, 2), count)
        items = tuple(dataclasses.replace(entry, submission_id=f"j{i}") for i in range(begin, end))
        return Page(items, str(end) if end < count else None)

    monkeypatch.setattr("fake_service.FakeInsight.queue", queue)
    return asked


def test_lists_go_through_all_pages(monkeypatch, served):
    """A list follows `next` to its end, and keeps to the question on the way."""
    asked = pages_of(5, monkeypatch, served)
    found = served.client().queue(team="search", status="queued")
    assert [entry.submission_id for entry in found] == ["j0", "j1", "j2", "j3", "j4"]
    assert asked == [QueueQuery("search", status=("queued",), limit=MOST_ITEMS, after=a) for a in (None, "2", "4")]


def test_a_limit_is_for_the_whole_list(monkeypatch, served):
    """No more is asked for than is wanted, however the pages are cut."""
    asked = pages_of(5, monkeypatch, served)
    assert len(served.client().queue(limit=3)) == 3
    assert [(query.limit, query.after) for query in asked] == [(3, None), (1, "2")]
    for wrong in (0, -1):
        with pytest.raises(BadArgument, match=f"limit: {wrong} is not at least 1"):
            served.client().queue(limit=wrong)


def test_a_list_without_end_is_given_up(served):
    """A server whose `next` leads nowhere is an error, not a loop for ever."""
    with pytest.raises(NoServer, match="answers the same page again and again"):
        served.client().queue()


def test_what_newer_servers_say_besides_is_left_out():
    """Unknown fields, at any depth, are no error."""
    body = {"items": [{**dataclasses.asdict(ENTRY), "new": {"x": 1}}], "next": None, "total": 7}
    assert reading.pages(QueueEntry, lambda _: json.dumps(body), None, "http://x") == [ENTRY]


ENTRY = QueueEntry("j0", "ann", "search", 0, "queued", "run", "{CPU:1}", 1.0, 2.0, "waits", "Waits.")


@pytest.mark.parametrize("body", ["{}", '{"status": 3}', "[]", "<html>"])
def test_an_answer_that_is_none_is_told(body):
    """What has not the shape of an answer is an error that names the server and the field."""
    with pytest.raises(NoServer, match=r"http://x answers what this client does not understand: '(status)?': "):
        reading.one(Health, body, "http://x")


@pytest.mark.parametrize(
    ("user", "ask", "kind", "text"),
    [
        ("root", lambda c: c.explain("j2"), NotFound, "Job j2 does not exist"),
        (
            "alice",
            lambda c: c.tokens(),
            Forbidden,
            "this takes the role admin; the token of 'alice' has the role user.",
        ),
        ("alice", lambda c: c.queue(status="sleeping"), BadRequest, "status 'sleeping' is unknown; there are queued"),
        ("nobody", lambda c: c.queue(), Forbidden, "the token from Client(token=...), at http://127.0.0.1:"),
        ("", lambda c: Client(c.address).queue(), Unauthenticated, "asks for a token. Pass Client(token=...), or set"),
    ],
)
def test_refusals_are_errors_by_their_kind(user, ask, kind, text, served):
    """A refusal raises the error of its status, with the server's words."""
    with pytest.raises(kind) as caught:
        ask(served.client(user))
    assert text in str(caught.value)
    assert caught.value.status == kind.status


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda c: c.events(since=MOMENT.replace(tzinfo=None)), "since: datetime.datetime(2026, 12, 1, 8, 0) says no"),
        (lambda c: c.cost(since=MOMENT), "is a moment; bills are by whole UTC days"),
        (lambda c: c.cost(compare="yes"), "compare: 'yes' is neither True nor False"),
        (lambda c: c.queue(status=[]), "status: [] names nothing"),
        (lambda c: c.create_token("d", "t", expires_in="soon"), "expires_in: 'soon' is no duration"),
        (lambda c: c.quote(workers="GPU"), "workers: 'GPU' is no gang"),
    ],
)
def test_arguments_without_sense_are_not_sent(ask, text, served):
    """A mistake that can be seen here is told here."""
    with pytest.raises(BadArgument) as caught:
        ask(served.client())
    assert text in str(caught.value)
    assert served.service.asked == []


def test_nobody_there_is_told_with_the_remedy(served):
    """Where nothing listens, the error names the address, and what to do in Python."""
    with pytest.raises(
        NoServer, match=r"no server answers at http://127.0.0.1:1 \(from Client\(address=...\)\)"
    ) as caught:
        Client("127.0.0.1:1").queue()
    assert "Client(address=...) or SPILLOVER_ADDRESS" in str(caught.value)
    with pytest.raises(NoServer, match="no server is known"):
        Client()


def test_a_client_finds_what_commands_find(served, home, monkeypatch):
    """Address and token come from where the command line takes them, and arguments win."""
    monkeypatch.setenv("SPILLOVER_ADDRESS", served.address)
    (home / "token").write_text("bob-token\n")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "token"))
    Client().quote()
    Client(token="alice-token").quote()
    assert [user for _, user, _ in served.service.asked] == ["bob", "alice"]
    assert repr(Client()) == f"Client('{served.address}')"


def test_a_slow_answer_is_given_up():
    """Beyond `timeout_s` the error says how long was waited."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"127.0.0.1:{silent.getsockname()[1]}", timeout_s=0.02)
        with pytest.raises(NoServer, match=r"has not answered within 0\.02 s"):
            client.queue()


def test_a_certificate_is_trusted_when_it_is_given(served_by_tls, monkeypatch):
    """`ca_file` or SPILLOVER_CA_FILE is trusted; without, the error says how to say so in Python."""
    served, certificate = served_by_tls
    assert Client(served.address, "alice-token", ca_file=certificate).queue(limit=1)
    with pytest.raises(
        NoServer, match=r"is not trusted: .* Set Client\(ca_file=...\) or SPILLOVER_CA_FILE to the file"
    ):
        served.client().queue()
    monkeypatch.setenv("SPILLOVER_CA_FILE", str(certificate))
    assert served.client().queue(limit=1)


def test_threads_may_share_a_client(served):
    """One client asked from many threads gives each its own answer."""
    client = served.client()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda i: client.create_token(f"u{i}", "t").token.user, range(40)))
    assert found == [f"u{i}" for i in range(40)]


def test_every_call_of_the_api_has_a_method():
    """Whatever the server serves as JSON, the SDK can ask, and gets the type that the endpoint answers."""
    methods = {
        name: typing.get_type_hints(f)["return"] for name, f in vars(Client).items() if callable(f) and name[0] != "_"
    }
    names = {"list_tokens": "tokens", "create": "create_token", "revoke": "revoke_token"}
    names |= {verb: f"{verb}_host" for verb in ("repair", "drain", "undrain")}
    for endpoint in ENDPOINTS:
        if endpoint.answer in (bytes, str, dict):
            continue
        name = names.get(endpoint.handler.__name__, endpoint.handler.__name__)
        answered = methods.pop(name)
        item = typing.get_args(endpoint.answer)
        said = str if endpoint.answer is Message else endpoint.answer
        assert answered == (list[item[0]] if item else said)
    assert methods == {}


def test_the_package_shows_the_sdk():
    """`spillover` and `spillover.client` give the public names, and nothing else by accident."""
    assert spillover.Client is public.Client
    assert spillover.job_metadata is public.job_metadata
    assert set(public.__all__) <= set(dir(spillover.client))
    assert spillover.client.QueueEntry is QueueEntry
    for module in (spillover, spillover.client):
        with pytest.raises(AttributeError, match="has no attribute 'Clinet'"):
            _ = module.Clinet


def test_modules_are_no_names_of_the_sdk():
    """Each module of the package is known as one, so that loading one does not load them all."""
    here = Path(spillover.client.__file__).parent
    assert {path.stem for path in here.glob("*.py")} - {"__init__"} == spillover.client._MODULES
