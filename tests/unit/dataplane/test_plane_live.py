"""What HAProxy tells, and the load that it comes to."""

from __future__ import annotations

from dataclasses import replace

from spillover.dataplane.live import LiveSlot, held_by_slot, live_slot
from spillover.dataplane.loads import loads
from spillover.dataplane.plan import SlotKey
from spillover.dataplane.servers import Server
from spillover.domain.serving import Backend, BackendLoad, Route, RouteLoad, Table

STAT = """\
# pxname,svname,qcur,scur,slim,status,sid,addr,
q,hold,0,3,,no check,2147483647,unix,
q,b.2,0,1,4,DOWN 1/2,131072,[::1]:8001,
q,a.1,1,2,2,UP,65536,127.0.0.1:8000,
q,c.1,0,0,2,MAINT,99999,127.0.0.1:8002,
q,BACKEND,5,11,200,UP,0,,
"""
STATES = """\
1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight
4 q 2147483647 hold - 2 0 1
4 q 65536 a.1 127.0.0.1 2 0 1
4 q 131072 b.2 ::1 0 8 1
4 q 99999 c.1 127.0.0.1 0 1 1
"""
A = Server("a.1", "127.0.0.1", 8000, 2, 65536, ongoing=2)


def test_a_slot_is_read_with_its_servers_in_order() -> None:
    """The server that holds requests is none; those that wait for it are counted apart."""
    slot = live_slot(STAT, STATES, 3)
    assert slot == LiveSlot(
        (
            A,
            Server("c.1", "127.0.0.1", 8002, 2, 99999, ready=False, maint=True, up=False),
            Server("b.2", "::1", 8001, 4, 131072, ready=False, ongoing=1, up=False),
        ),
        queued=6,
        held=3,
        sessions=11,
    )


def test_held_requests_are_read_by_slot() -> None:
    """Lines that are no counts are passed over."""
    assert held_by_slot("q1-0 2\nq5-3 0\n\n> ") == {"q1-0": 2, "q5-3": 0}


def test_the_load_of_an_application_sums_its_slots() -> None:
    """Pools come in the route's order; one that has left is told while requests are with it."""
    route = Route("chat", "/", (Backend("b", "h", 1, "eu", 1), Backend("a", "h", 1, "eu", 1)))
    gone = Server("gone.1", "h", 1, 1, 1, ongoing=1, ready=False)
    live = {
        "q1": LiveSlot((A, gone, replace(gone, name="past.1", ongoing=0)), 1, 2, 0),
        "q2": LiveSlot((replace(A, name="a.2", ongoing=3), replace(A, name="b.1", ongoing=0, up=False)), 4, 0, 0),
        "q3": LiveSlot((A,), 9, 9, 9),
    }
    assigned = {"q1": SlotKey("chat", "*", 60), "q2": SlotKey("chat", "eu", 60), "q3": SlotKey("other", "*", 60)}
    backends = (BackendLoad("b", 0, up=False), BackendLoad("a", 5, up=True), BackendLoad("gone", 1, up=True))
    assert loads(Table((route,)), assigned, live) == {"chat": RouteLoad("chat", 7, backends)}
