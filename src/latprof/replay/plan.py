"""From what a user names to a deployment that can be run, or the reason why it cannot and what comes nearest."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Final

from latprof.classes import dataclass
from latprof.errors import UsageError
from latprof.serving import Deployment, Gpu, ModelCard, Precision, Speculation, kv_capacity_tokens
from latprof.serving.hardware import weight_bytes
from latprof.serving.tables import engine_named, gpu_named, gpus, model_named, precision_named

if TYPE_CHECKING:
    from latprof.catalogue import Catalogue
    from latprof.catalogue.facts import Entry

__all__ = ["Hardware", "Impossible", "Plan", "Wish", "cluster_named", "parse_gpus", "plan_for", "wish_of"]

_NARROWER: Final[tuple[Precision, ...]] = ("bf16", "fp8", "int4")
_COUNTS: Final = (1, 2, 4, 8, 16)
_GB: Final = 1e9


class Impossible(UsageError):
    """A configuration that cannot be run; the sentence says why, and the nearest one that can."""

    def __init__(self, reason: str, nearest: str | None) -> None:
        self.reason, self.nearest = reason, nearest
        hint = f"the nearest that can is {nearest}" if nearest else "no GPU of the table comes near"
        super().__init__(f"{reason}: {hint}.")


@dataclass(frozen=True, slots=True)
class Hardware:
    """GPUs of one kind, what they are called, and their rent per month in USD (None where it is not known).

    `rent_from` says in words what a rent of the catalogue rests on.
    """

    name: str
    gpu: Gpu
    count: int
    usd_per_month: float | None = None
    rent_from: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants to run on some hardware. None leaves the choice open.

    `room_tokens` is the context that at least one call needs; `team_tokens` what the whole team would like to keep.
    """

    model: ModelCard
    engine: str = "vllm"
    precision: Precision | None = None
    tensor: int | None = None
    data: int | None = None
    replicas: int | None = None
    prefill_replicas: int = 0
    kv_bytes: float = 2.0
    context_tokens: int | None = None
    max_batched_tokens: int = 8192
    speculation: Speculation = Speculation()
    room_tokens: int = 1
    team_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A deployment on hardware: equal replicas, of which `prefill_replicas` only compute prompts.

    `capacity_tokens` is the KV memory of one replica, `limit_tokens` the longest context of a call.
    """

    hardware: Hardware
    deployment: Deployment
    replicas: int
    prefill_replicas: int
    capacity_tokens: int
    limit_tokens: int
    notes: tuple[str, ...] = ()

    @property
    def layout(self) -> str:
        """'TP4', 'TP4 + 1 idle', '2 × TP2', '1 prefill + 1 decode × TP2'."""
        tensor = f"TP{self.deployment.n_gpu}" + (f" DP{self.deployment.dp}" if self.deployment.dp > 1 else "")
        if self.prefill_replicas:
            name = f"{self.prefill_replicas} prefill + {self.replicas} decode × {tensor}"
        else:
            name = tensor if self.replicas == 1 else f"{self.replicas} × {tensor}"
        idle = self.hardware.count - self.deployment.n_gpu * (self.replicas + self.prefill_replicas)
        return f"{name} + {idle} idle" if idle else name


def parse_gpus(text: str, price: float | None = None) -> Hardware:
    """'4xH200', '4x H200', 'H200 x4', 'H200' -> hardware. Raises UsageError."""
    found = re.fullmatch(r"\s*(\d+)\s*[x×*]\s*(.+?)\s*|\s*(.+?)\s*[x×*]\s*(\d+)\s*|\s*(.+?)\s*", text, re.IGNORECASE)
    count, name = ("", "") if found is None else (found[1] or found[4] or "1", found[2] or found[3] or found[5])
    if not name or not 1 <= int(count) <= 1024:
        raise UsageError(f"--gpu {text} names no GPUs: write it as 4xH200.")
    gpu = gpu_named(name)
    return Hardware(f"{int(count)}x {gpu.name}", gpu, int(count), price)


def cluster_named(name: str, price: float | None = None, catalogue: Catalogue | None = None) -> Hardware:
    """A cluster of the catalogue; without a price it is rented by the hour for whole months.

    Raises UsageError where there is none of that name, or its cards are not known.
    """
    from latprof.catalogue import load_catalogue

    entry = (catalogue or load_catalogue()).find(name, "cluster")
    if entry.hardware is None or entry.count is None:
        raise UsageError(f"The catalogue does not say which cards {name} has: give --gpu instead.")
    gpu = gpu_named(entry.hardware)
    if price is not None:
        return Hardware(entry.id, gpu, entry.count, price)
    return Hardware(entry.id, gpu, entry.count, *_rent(entry, entry.count))


def _rent(entry: Entry, count: int) -> tuple[float | None, str]:
    """Of a whole month, from that of an hour where it is known: a stated month may hold fewer hours."""
    from latprof.sizing.owning import rent_per_month
    from latprof.sizing.power import HOURS_PER_MONTH

    for quantity in ("rent_usd_per_hour", "rent_usd_per_month"):
        fact = next((fact for fact in entry.of(quantity) if fact.middle is not None), None)
        if fact is None or fact.middle is None:
            continue
        origin = f"{fact.kind}, {fact.at[0]}{', past its age' if fact.old else ''}"
        if quantity == "rent_usd_per_month":
            return fact.middle, f"as stated ({origin})"
        month = rent_per_month(count, fact.middle, HOURS_PER_MONTH)
        return month, f"{count} × {fact.middle:g} USD/h × {HOURS_PER_MONTH:g} h ({origin})"
    return None, ""


def plan_for(hardware: Hardware, wish: Wish) -> Plan:
    """The best layout of the model on these GPUs: the one that keeps most context, on the fewest GPUs if equal.

    Raises Impossible when none can hold the weights and one call, or the wanted one cannot be built.
    """
    found = _best(hardware, wish)
    if isinstance(found, Plan):
        return found
    raise Impossible(found, _nearest(hardware, wish))


def _best(hardware: Hardware, wish: Wish) -> Plan | str:
    """A plan, or the reason why there is none."""
    reason = ""
    for precision in _precisions(wish):
        plans: list[Plan] = []
        for tensor in _tensors(hardware, wish):
            made = _plan(hardware, wish, precision, tensor)
            if isinstance(made, Plan):
                plans.append(made)
            else:
                reason = made
        if plans:
            chosen = max(plans, key=lambda plan: _worth(plan, wish))
            return replace(chosen, notes=_notes(chosen, wish))
    return reason or f"{hardware.name} has fewer GPUs than the layout asks for"


def _worth(plan: Plan, wish: Wish) -> tuple[float, int, int]:
    """Room for the team's contexts first, then the speed of a stream (GPUs per stream), then fewer copies."""
    room = plan.capacity_tokens * plan.replicas
    wanted = wish.team_tokens or room
    return (min(room / max(wanted, 1), 1.0), plan.deployment.n_gpu, -plan.deployment.dp)


def _precisions(wish: Wish) -> tuple[Precision, ...]:
    """The wanted one; else the model's own, then narrower ones."""
    if wish.precision is not None:
        return (wish.precision,)
    own = wish.model.native_precision
    start = _NARROWER.index(own) if own in _NARROWER else len(_NARROWER)
    return (own, *(item for item in _NARROWER[start:] if item != own))


def _tensors(hardware: Hardware, wish: Wish) -> tuple[int, ...]:
    """Sizes of a replica to try, the largest first; only reasons for the largest are worth telling."""
    if wish.tensor is not None:
        return (wish.tensor,)
    share = max((wish.replicas or 1) + wish.prefill_replicas, 1)
    most = hardware.count // share
    return tuple(size for size in _COUNTS if size <= most) or ((most,) if most else ())


def _plan(hardware: Hardware, wish: Wish, precision: Precision, tensor: int) -> Plan | str:
    model = wish.model
    reason = _indivisible(model, tensor)
    if not reason and wish.data and tensor % wish.data:
        reason = f"{wish.data} attention groups do not divide {tensor} GPUs"
    if reason:
        return reason
    replicas = wish.replicas or hardware.count // tensor - wish.prefill_replicas
    if replicas < 1 or tensor * (replicas + wish.prefill_replicas) > hardware.count:
        return f"{wish.prefill_replicas + max(replicas, 1)} replicas of {tensor} GPUs do not fit on {hardware.name}"
    groups = (wish.data,) if wish.data else ((1, tensor) if model.attention == "mla" and tensor > 1 else (1,))
    plans = [_sized(hardware, wish, precision, tensor, replicas, group) for group in groups]
    fitting = [plan for plan in plans if plan.capacity_tokens >= wish.room_tokens]
    if not fitting:
        return _too_small(max(plans, key=lambda plan: plan.capacity_tokens), wish)
    return max(fitting, key=lambda plan: _worth(plan, wish))


def _sized(hardware: Hardware, wish: Wish, precision: Precision, tensor: int, replicas: int, groups: int) -> Plan:
    deployment = Deployment(
        model=wish.model, gpu=hardware.gpu, n_gpu=tensor, precision=precision, engine=wish.engine, dp=groups,
        kv_bytes=wish.kv_bytes, max_batched_tokens=wish.max_batched_tokens, speculation=wish.speculation,
    )  # fmt: skip
    capacity = kv_capacity_tokens(deployment)
    # With several attention groups a context lies in the memory of one of them.
    limit = min(capacity // groups, wish.context_tokens or capacity)
    return Plan(hardware, deployment, replicas, wish.prefill_replicas, capacity, limit)


def _indivisible(model: ModelCard, tensor: int) -> str:
    """Why the model cannot be cut into so many equal parts; '' if it can."""
    if model.heads % tensor:
        return f"{tensor} GPUs do not divide the {model.heads} attention heads of {model.name}"
    if model.attention != "mla" and model.kv_heads % tensor and tensor % model.kv_heads:
        return f"{tensor} GPUs do not divide the {model.kv_heads} KV heads of {model.name}"
    if model.experts and model.expert_width % tensor and model.experts % tensor:
        return f"{tensor} GPUs divide neither the {model.experts} experts of {model.name} nor their width"
    return ""


def _too_small(plan: Plan, wish: Wish) -> str:
    deployment = plan.deployment
    weights = weight_bytes(replace(deployment, dp=1)) / _GB
    usable = deployment.n_gpu * deployment.gpu.memory_bytes * 0.9 / _GB
    what = f"{wish.model.name} in {deployment.precision}"
    where = f"{deployment.n_gpu}x {deployment.gpu.name}"
    if weights >= usable:
        return f"the weights of {what} take {weights:,.0f} GB and {where} have {usable:,.0f} GB for them"
    return (
        f"beside the {weights:,.0f} GB of {what}, {where} keep {plan.capacity_tokens:,} tokens of context, and one "
        f"typical call needs {wish.room_tokens:,}"
    )


def _notes(plan: Plan, wish: Wish) -> tuple[str, ...]:
    deployment, notes = plan.deployment, []
    if wish.precision is None and deployment.precision != wish.model.native_precision:
        notes.append(
            f"{deployment.precision} of {wish.model.name} on {plan.hardware.name}, as its own "
            f"{wish.model.native_precision} does not fit"
        )
    if deployment.precision == "fp8" and deployment.gpu.fp8_flops is None:
        notes.append(f"{deployment.gpu.name} cannot compute in fp8: weights only, computed in bf16")
    if wish.model.guessed:
        notes.append(f"guessed for {wish.model.name}: {', '.join(wish.model.guessed)}")
    return tuple(notes)


def _nearest(hardware: Hardware, wish: Wish) -> str | None:
    """The first that works: free layout, narrower weights, more of the same GPUs, then other GPUs of this count."""
    free = replace(wish, tensor=None, data=None, replicas=None, prefill_replicas=0)
    any_width = replace(free, precision=None)
    for candidate, asked in _candidates(hardware, free, any_width):
        found = _best(candidate, asked)
        if isinstance(found, Plan):
            return f"{candidate.name} with {found.deployment.precision} as {found.layout}"
    return None


def _candidates(hardware: Hardware, free: Wish, any_width: Wish) -> Iterator[tuple[Hardware, Wish]]:
    yield hardware, free
    yield hardware, any_width
    larger = [count for count in _COUNTS if count > hardware.count]
    more = [_of(hardware.gpu, count) for count in larger]
    others = sorted(
        {gpu.name: gpu for gpu in gpus().values() if gpu.memory_bytes > hardware.gpu.memory_bytes}.values(),
        key=lambda gpu: gpu.memory_bytes,
    )
    same = [_of(gpu, hardware.count) for gpu in others]
    yield from ((item, asked) for item, asked in chain.from_iterable(((a, free), (a, any_width)) for a in more[:1]))
    yield from ((item, free) for item in same)
    yield from ((item, any_width) for item in chain(more[1:], same))


def _of(gpu: Gpu, count: int) -> Hardware:
    return Hardware(f"{count}x {gpu.name}", gpu, count)


def wish_of(model: str, *, engine: str = "vllm", precision: str | None = None, kv_precision: str | None = None) -> Wish:
    """A wish from names. Raises UsageError for a model, engine or precision that is not known."""
    card = model_named(model)
    if card is None:
        raise UsageError(f"No model is called {model}: `latprof catalogue list` prints those with known shapes.")
    width = precision_named(precision)
    if precision is not None and width is None:
        raise UsageError(f"No precision is called {precision}: choose bf16, fp8, fp4 or int4.")
    if kv_precision not in {None, "bf16", "fp8"}:
        raise UsageError(f"No precision of the cache is called {kv_precision}: choose bf16 or fp8.")
    name = engine_named(engine)
    if name is None:
        raise UsageError(f"No engine is called {engine}: choose vllm, sglang or trtllm.")
    return Wish(card, name, width, kv_bytes=1.0 if kv_precision == "fp8" else 2.0, context_tokens=_window(card.name))


def _window(model: str) -> int | None:
    """The model's longest context by the catalogue, None where it does not say."""
    from latprof.catalogue import load_catalogue

    try:
        tokens = load_catalogue().architecture(model).context_tokens
    except UsageError:
        return None
    return None if tokens is None else int(tokens)
