"""All that can be set about a fine-tuning. Values come from a YAML file and the command line."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.settings import Workers, said


@dataclass(frozen=True)
class Lora:
    rank: int = said(8, "of each correction B A: its weights are rank x (inputs + outputs) of the layer")
    alpha: float = said(16.0, "the correction counts alpha / rank times")
    targets: tuple[str, ...] = said(("q", "v"), "layers that are corrected: of q, k, v, out, gate, up, down and head")

    def check(self) -> None:
        if self.rank < 1:
            raise ValueError(f"lora.rank {self.rank} must be at least 1")


@dataclass(frozen=True)
class Settings:
    base: str = said("???", "the run of jobs/lm to begin with: its folder, STORAGE/NAME")
    text: str = said(
        "manual", "to learn: a folder, s3://bucket/path, `manual` (what Python's help() shows) or `python`"
    )
    suffixes: tuple[str, ...] = said((), "only files that end so, such as [.md, .txt]; empty takes all")
    base_text: str = said("python", "that the base has learnt, to see what it forgets")
    name: str = said("lora", "of the run: a checkpoint of this name in the storage is resumed")
    storage: str = said("", "folder or s3:// that all nodes see; empty: a new temporary folder")
    steps: int = said(100, "in all, resumed ones included")
    sequences: int = said(8, "of a worker and step")
    validation_sequences: int = said(32, "of each held-out text, in all")
    rate: float = said(1e-2, "AdamW's peak rate; it falls in a line to zero")
    warmup_steps: int = said(5, "until the peak")
    checkpoint_steps: int = said(20, "between checkpoints of the adapters")
    merge: bool = said(True, "write the full weights at the end, as a checkpoint of jobs/lm under NAME-merged")
    seed: int = said(0, "of adapters and data order")
    workers: Workers = said(Workers(2, 2), "ranks: 4, or 1:4 for whatever there is room for")
    cpus_per_worker: float = said(1.0, "that Ray holds for a rank")
    gpus_per_worker: float = said(0.0, "0 trains on CPUs")
    preemptible: bool = said(False, "nodes may be taken away: go on from the last checkpoint after a loss")
    max_failures: int = said(3, "losses without notice that a preemptible run survives")
    lora: Lora = field(default_factory=Lora)
