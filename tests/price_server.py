"""AWS's price list and spot price history over HTTP, in the shapes in which AWS answers, with pages of two entries.

moto has no price list, and its spot prices are all the same: this answers boto3's own client instead.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

_PAGE = 2

FILTERS = {
    "operatingSystem": "Linux",
    "preInstalledSw": "NA",
    "operation": "RunInstances",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}


def product(name: str, usd: str, vcpu: str = "4", memory: str = "16 GiB", gpu: str | None = None) -> dict[str, Any]:
    """An entry of the price list, without what nobody reads."""
    attributes = {"instanceType": name, "vcpu": vcpu, "memory": memory, "operatingSystem": "Linux", "tenancy": "Shared"}
    dimension = {
        "unit": "Hrs",
        "description": f"${usd} per On Demand Linux {name} Instance Hour",
        "pricePerUnit": {"USD": usd},
    }
    reserved = {"unit": "Quantity", "description": "Upfront Fee", "pricePerUnit": {"USD": "999"}}
    return {
        "product": {"attributes": attributes | ({"gpu": gpu} if gpu else {}), "sku": f"SKU{name}"},
        "serviceCode": "AmazonEC2",
        "terms": {
            "OnDemand": {"SKU.JRTC": {"priceDimensions": {"SKU.JRTC.6YS6": dimension}, "termAttributes": {}}},
            "Reserved": {"SKU.4NA7": {"priceDimensions": {"SKU.4NA7.2TG2": reserved}, "termAttributes": {}}},
        },
    }


@dataclass
class PriceServer:
    """Answers by region. `refuse`: the API that says no. `asked`: API and region of each call."""

    products: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    spot: dict[str, list[tuple[str, str, str, str]]] = field(default_factory=dict)
    refuse: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    address: str = ""

    def get_products(self, asked: dict[str, Any]) -> tuple[int, str]:
        """What the filters leave, a page of it."""
        filters = {f["Field"]: f["Value"] for f in asked["Filters"]}
        region = filters.pop("regionCode")
        self.asked.append(("GetProducts", region))
        if self.refuse == "GetProducts":
            return 400, json.dumps({"__type": "AccessDeniedException", "Message": "not for you"})
        found = self.products.get(region, []) if filters == FILTERS else []
        start = int(asked.get("NextToken", 0))
        body: dict[str, Any] = {"PriceList": [json.dumps(p) for p in found[start : start + _PAGE]]}
        if start + _PAGE < len(found):
            body["NextToken"] = str(start + _PAGE)
        return 200, json.dumps(body)

    def spot_history(self, asked: dict[str, list[str]], region: str) -> tuple[int, str]:
        """(type, zone, USD, time) as XML, a page of it."""
        self.asked.append(("DescribeSpotPriceHistory", region))
        if self.refuse == "DescribeSpotPriceHistory":
            error = "<Error><Code>UnauthorizedOperation</Code><Message>not for you</Message></Error>"
            return 403, f"<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>"
        linux = asked.get("ProductDescription.1") == ["Linux/UNIX"] and asked["StartTime"] == asked["EndTime"]
        found, start = self.spot.get(region, []) if linux else [], int(asked.get("NextToken", ["0"])[0])
        items = "".join(
            f"<item><instanceType>{name}</instanceType><productDescription>Linux/UNIX</productDescription>"
            f"<spotPrice>{usd}</spotPrice><timestamp>{at}</timestamp><availabilityZone>{zone}</availabilityZone></item>"
            for name, zone, usd, at in found[start : start + _PAGE]
        )
        more = f"<nextToken>{start + _PAGE}</nextToken>" if start + _PAGE < len(found) else "<nextToken/>"
        space = "http://ec2.amazonaws.com/doc/2016-11-15/"
        history = f"<spotPriceHistorySet>{items}</spotPriceHistorySet>{more}"
        return 200, f'<DescribeSpotPriceHistoryResponse xmlns="{space}">{history}</DescribeSpotPriceHistoryResponse>'


def _handler(prices: PriceServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if "GetProducts" in self.headers.get("X-Amz-Target", ""):
                status, answer = prices.get_products(json.loads(body))
            else:
                region = self.headers["Authorization"].split("/")[2]
                status, answer = prices.spot_history(parse_qs(body), region)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_args: object) -> None:
            """Silence."""

    return Handler


@contextmanager
def price_server() -> Iterator[PriceServer]:
    """A server with prices of two regions, until the end of the block."""
    prices = PriceServer(
        products={
            "us-west-2": [
                product("g5.xlarge", "2.0120000000", gpu="1"),
                product("m5.large", "0.0960000000", "2", "8 GiB"),
                product("p4d.24xlarge", "21.9576420000", "96", "1,152 GiB", "8"),
                product("z9.free", "0.0000000000"),
                product("z9.new", "0.5000000000"),
            ],
            "us-east-2": [product("m5.large", "0.0960000000", "2", "8 GiB")],
        },
        spot={
            "us-west-2": [
                ("g5.xlarge", "us-west-2a", "0.4000", "2026-11-25T10:00:00.000Z"),
                ("g5.xlarge", "us-west-2a", "0.5000", "2026-11-25T12:00:00.000Z"),
                ("g5.xlarge", "us-west-2b", "0.7000", "2026-11-25T11:00:00.000Z"),
                ("g5.xlarge", "us-west-2c", "0.6000", "2026-11-25T11:00:00.000Z"),
                ("m5.large", "us-west-2c", "0.0400", "2026-11-25T11:00:00.000Z"),
            ],
            "us-east-2": [("m5.large", "us-east-2a", "0.0300", "2026-11-25T11:00:00.000Z")],
        },
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(prices)) as server:
        prices.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield prices
        finally:
            server.shutdown()
            thread.join()
