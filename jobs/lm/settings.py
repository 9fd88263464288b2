"""All that can be set about a run of language model training. Values come from a YAML file and the command line."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.settings import AtLeast, Choice, Workers, said


@dataclass(frozen=True)
class Model:
    width: int = said(128, "of the residual stream", AtLeast(1))
    layers: int = said(4, "decoder blocks", AtLeast(1))
    heads: int = said(4, "of queries; they share the width", AtLeast(1))
    kv_heads: int = said(2, "of keys and values; each serves heads / kv_heads heads of queries", AtLeast(1))
    feed_forward: int = said(
        0, "inner width of SwiGLU; 0 takes 8/3 of the width, rounded up to a multiple of 32", AtLeast(0)
    )
    context: int = said(256, "bytes a sequence", AtLeast(2))
    vocabulary: int = said(256, "one entry a byte: there is no tokenizer", AtLeast(1))
    rope_base: float = said(10000.0, "wavelength base of the rotary position embedding")

    @property
    def feed_forward_width(self) -> int:
        """As many weights as a plain feed-forward layer of four times the width has, near enough."""
        return self.feed_forward or -(-8 * self.width // (3 * 32)) * 32

    def check(self) -> None:
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise ValueError(
                f"model.width {self.width} must be {self.heads} heads of an even width: a multiple of {2 * self.heads}"
            )
        if self.heads % self.kv_heads:
            raise ValueError(f"model.heads {self.heads} is not a multiple of model.kv_heads {self.kv_heads}")


@dataclass(frozen=True)
class Data:
    source: str = said("python", "a folder, s3://bucket/path, or `python`: the source of Python's standard library")
    suffixes: tuple[str, ...] = said((), "only files that end so, such as [.py, .md]; empty takes all")
    parts: int = said(
        0, "streams that a batch is made of, whoever reads them; 0: as many as workers at most", AtLeast(0)
    )
    block_bytes: int = said(65536, "what is read in one go", AtLeast(1))
    shuffle_blocks: int = said(16, "blocks whose sequences are shuffled together", AtLeast(1))
    validation_sequences: int = said(64, "of held-out text, in all", AtLeast(1))


@dataclass(frozen=True)
class Batch:
    sequences: int = said(8, "of one part and step; a step learns from parts x sequences", AtLeast(1))
    micro: int = said(
        0, "sequences that go through the model at once, the rest is accumulated; 0: all of a part", AtLeast(0)
    )


@dataclass(frozen=True)
class Parallel:
    data: int = said(-1, "replicas; -1: whatever the other degrees leave")
    fully_sharded: int = said(1, "ranks that share weights, gradients and optimizer (FSDP2); -1: whatever is left")
    tensor: int = said(1, "ranks that share each matrix")
    pipeline: int = said(1, "ranks that share the layers")
    context: int = said(1, "ranks that share each sequence")
    schedule: str = said("1f1b", "of the pipeline", Choice("1f1b", "interleaved"))
    stages_per_rank: int = said(2, "of the interleaved schedule", AtLeast(1))


@dataclass(frozen=True)
class Precision:
    kind: str = said(
        "fp32", "of the arithmetic; weights and optimizer stay fp32", Choice("fp32", "bf16", "fp16", "fp8")
    )
    activation_checkpointing: bool = said(False, "compute activations twice instead of keeping them")
    compile: bool = said(False, "torch.compile each block")


@dataclass(frozen=True)
class Optimizer:
    rate: float = said(3e-3, "AdamW's peak rate; it falls along half a cosine to a tenth")
    warmup_steps: int = said(20, "until the peak", AtLeast(0))
    weight_decay: float = said(0.1, "of matrices", AtLeast(0))
    clip: float = said(1.0, "largest norm of the gradient over all ranks; 0: no limit", AtLeast(0))


@dataclass(frozen=True)
class Checkpoints:
    storage: str = said("", "folder or s3:// that all nodes see; empty: a new temporary folder")
    every: str = said("auto", "`auto` (Young and Daly), `10min`, `200 steps` or `never`")
    asynchronous: bool = said(True, "write while training goes on")
    keep: int = said(2, "newest checkpoints that stay", AtLeast(1))
    keep_every_steps: int = said(0, "checkpoints at multiples of this stay for good; 0: none", AtLeast(0))
    interruptions_per_hour: float = said(0.3, "of one node, for `auto`: what your pool has", AtLeast(0))


@dataclass(frozen=True)
class Tell:
    every_s: float = said(2.0, "between lines of progress", AtLeast(0))
    validate_steps: int = said(100, "between looks at held-out text; 0: at the start and the end alone", AtLeast(0))
    report_steps: int = said(0, "between reports to Ray Train, which Tune decides by; 0: one at the end", AtLeast(0))
    tensorboard: bool = said(False, "write TensorBoard events beside the checkpoints (needs tensorboard)")
    mlflow: str = said("", "tracking address of MLflow (needs mlflow); empty: none")


@dataclass(frozen=True)
class Settings:
    name: str = said("lm", "of the run: a checkpoint of this name in the storage is resumed")
    steps: int = said(300, "in all, resumed ones included", AtLeast(1))
    start_from: str = said(
        "", "a run's folder, STORAGE/NAME, whose newest weights this run begins with; empty: new ones"
    )
    seed: int = said(0, "of weights and data order", AtLeast(0))
    workers: Workers = said(Workers(2, 2), "ranks: 4, or 1:4 for whatever there is room for")
    cpus_per_worker: float = said(1.0, "that Ray holds for a rank", AtLeast(0))
    threads: int = said(0, "of torch in a rank on CPUs; 0: as many as Ray holds CPUs for it", AtLeast(0))
    gpus_per_worker: float = said(0.0, "0 trains on CPUs", AtLeast(0))
    resources: dict[str, float] = field(
        default_factory=dict, metadata={"help": "of a worker besides, such as {burst: 1}"}
    )
    preemptible: bool = said(False, "nodes may be taken away: save upon a notice, go on after a loss")
    max_failures: int = said(3, "losses without notice that a preemptible run survives", AtLeast(0))
    model: Model = field(default_factory=Model)
    data: Data = field(default_factory=Data)
    batch: Batch = field(default_factory=Batch)
    parallel: Parallel = field(default_factory=Parallel)
    precision: Precision = field(default_factory=Precision)
    optimizer: Optimizer = field(default_factory=Optimizer)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    tell: Tell = field(default_factory=Tell)

    def check(self) -> None:
        p = self.parallel
        if self.workers.is_elastic and p.tensor * p.pipeline * p.context > 1:
            raise ValueError(
                f"workers {self.workers}: only data and fully_sharded ranks can come and go, and there are "
                f"{p.tensor} tensor x {p.pipeline} pipeline x {p.context} context; set a fixed number of workers"
            )
        if not self.checkpoints.storage and (self.preemptible or self.workers.is_elastic):
            raise ValueError(
                "preemptible=true and workers=MIN:MAX need checkpoints.storage: a checkpoint must outlive the node "
                "that wrote it"
            )

    @property
    def parts(self) -> int:
        """Streams that a batch is made of."""
        return self.data.parts or self.workers.most
