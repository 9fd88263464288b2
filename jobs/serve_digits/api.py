"""The classifier over HTTP: pixels in, the digit and the chances of each digit out. No Ray in here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from serve_digits.adaptation import quantile
from serve_digits.batcher import Batcher, Full

Pixels = list[float]
Row = Annotated[list[Annotated[float, Field(ge=0, le=16)]], Field(min_length=8, max_length=8)]


class Image(BaseModel):
    """Eight rows of eight pixels, from 0 (paper) to 16 (ink)."""

    pixels: Annotated[list[Row], Field(min_length=8, max_length=8)]

    @property
    def flat(self) -> Pixels:
        return [pixel for row in self.pixels for pixel in row]


def answer(chances: list[float]) -> dict[str, Any]:
    return {"digit": max(range(len(chances)), key=chances.__getitem__), "probabilities": chances}


def api(batcher: Batcher[Pixels, list[float]], retry_after_s: int) -> FastAPI:
    app = FastAPI(title="digits")

    @app.post("/predict")
    async def predict(image: Image) -> Response:
        try:
            return JSONResponse(answer(await batcher(image.flat)))
        except Full as full:
            return JSONResponse({"error": f"busy: {full}"}, 503, {"Retry-After": str(retry_after_s)})

    @app.get("/stats")
    async def stats() -> dict[str, Any]:
        """What the batches are like now; times are of the last few hundred, in milliseconds."""
        times = [seen.seconds * 1000 for seen in batcher.seen] or [0.0]
        sizes = [seen.size for seen in batcher.seen] or [0]
        return {
            "max_batch": batcher.terms.most,
            "wait_ms": batcher.terms.wait_s * 1000,
            "waiting": batcher.waiting,
            "images": batcher.items,
            "batches": batcher.batches,
            "batch_size": sum(sizes) / len(sizes),
            "batch_ms_p50": quantile(times, 0.5),
            "batch_ms_p99": quantile(times, 0.99),
        }

    return app
