"""What the calculating commands share: models and cards by name or by plain numbers, and the output."""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from latprof.classes import dataclass
from latprof.cli import drawing, options
from latprof.cli.catalogue import CatalogueFiles, chosen_catalogue
from latprof.cli.selection import split
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.catalogue import Architecture, Catalogue
    from latprof.report import Document
    from latprof.sizing import Card, ModelPlan

__all__ = ["Cards", "Models", "Output", "amount", "numbers", "takes", "usage"]

_FACTORS: Final = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}


def takes(**makers: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace arguments of a command by the options that make them.

    `takes(model=Models.of)` gives the command the options of `Models.of` in place of its argument `model`.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters
        made = {
            name: list(inspect.signature(maker, eval_str=True).parameters.values()) for name, maker in makers.items()
        }
        parameters = [item for name in own for item in made.get(name, [own[name]])]
        parameters = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in _once(parameters)]

        @functools.wraps(command)
        def with_options(**values: Any) -> None:
            chosen = {name: makers[name](**{item.name: values[item.name] for item in made[name]}) for name in makers}
            command(**chosen, **{name: values[name] for name in own if name not in makers})

        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        with_options.__annotations__ = {item.name: item.annotation for item in parameters}
        return with_options

    return decorate


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function, eval_str=True).parameters.values())


def _once(parameters: Sequence[inspect.Parameter]) -> list[inspect.Parameter]:
    """An option that several makers want is asked for once."""
    return list({item.name: item for item in parameters}.values())


@contextmanager
def usage() -> Iterator[None]:
    """A number for which a formula has no meaning ends as a sentence of wrong usage."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        raise UsageError(f"{text[:1].upper()}{text[1:]}.") from None


def amount(text: str) -> float:
    """'8B', '128K', '30.5b', '1_000' -> a number. Raises UsageError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmbt]?)", text.strip().replace("_", "").lower())
    if found is None:
        raise UsageError(f"{text} is no number: write it as 8000000000, 8B, 500M or 128K.")
    return float(found[1]) * _FACTORS[found[2]]


def numbers(texts: Sequence[str] | str, what: str) -> list[float]:
    """'16,8,4' -> [16.0, 8.0, 4.0]. Raises UsageError."""
    parts = split([texts] if isinstance(texts, str) else texts)
    try:
        found = [float(part) for part in parts]
    except ValueError:
        found = []
    if not found or not all(math.isfinite(each) and each > 0 for each in found):
        raise UsageError(f"{what} {','.join(parts)} is no list of numbers above 0: write it as 16,8,4.")
    return found


@dataclass(frozen=True, slots=True)
class Output:
    """Where a document goes and in which shape."""

    name: str
    target: str | None
    force: bool

    @classmethod
    def of(
        cls,
        format_name: drawing.FormatName = None,
        as_json: drawing.AsJson = False,  # noqa: FBT002
        output: options.Output = None,
        force: options.Force = False,  # noqa: FBT002
    ) -> Output:
        """From the options. Raises UsageError before anything is calculated."""
        name = drawing.chosen_format(format_name, as_json=as_json, output=output)
        options.check_targets(output, inputs=(), force=force)
        return cls(name, output, force)

    def show(self, document: Document) -> None:
        """Draw it."""
        drawing.show(document, self.name, self.target, force=self.force)


@dataclass(frozen=True, slots=True)
class Models:
    """The models that the user means: names of the catalogue, or one by its plain numbers."""

    plans: tuple[ModelPlan, ...]

    @classmethod
    def of(  # noqa: PLR0913 - one argument per option
        cls,
        models: Annotated[
            list[str] | None,
            typer.Argument(metavar="MODEL", help="Models of the catalogue, by id or name.", show_default=False),
        ] = None,
        params: Annotated[
            str | None, typer.Option(metavar="N", help="Instead of a model: its parameters, as 8B or 30.5B.")
        ] = None,
        active: Annotated[
            str | None, typer.Option(metavar="N", help="Of a mixture: parameters per token. [all]")
        ] = None,
        layers: Annotated[
            int | None, typer.Option(metavar="N", min=1, help="Layers whose cache grows with the context.")
        ] = None,
        kv_heads: Annotated[int | None, typer.Option(metavar="N", min=1, help="Key-value heads.")] = None,
        head_dim: Annotated[int | None, typer.Option(metavar="N", min=1, help="Width of a head.")] = None,
        latent_dim: Annotated[
            int | None, typer.Option(metavar="N", min=1, help="Latent attention: width of latent and rotary part.")
        ] = None,
        window_layers: Annotated[
            int, typer.Option(metavar="N", min=0, help="Further layers with a sliding window.", show_default=False)
        ] = 0,
        window: Annotated[str | None, typer.Option(metavar="N", help="Their window, in tokens.")] = None,
        trained: Annotated[str | None, typer.Option(metavar="N", help="Largest context of the model, as 128K.")] = None,
        catalogue_files: CatalogueFiles = None,
    ) -> Models:
        """From the options. Raises UsageError."""
        if models and params is not None:
            raise UsageError("Give models of the catalogue or --params, not both.")
        if not models and params is None:
            raise UsageError("Name a model (`latprof catalogue list --type model` prints them), or give --params 8B.")
        shape = _Shape(layers, kv_heads, head_dim, latent_dim, window_layers, window)
        with usage():
            if not models:
                return cls((_plain(params or "", active, shape, trained),))
            names = split(models)
            if len(names) > 1 and (active is not None or trained is not None or shape != _Shape()):
                raise UsageError("Options about a model's shape need a single model: name one.")
            catalogue = chosen_catalogue(catalogue_files)
            return cls(tuple(_told(_known(catalogue, name), active, shape, trained) for name in names))

    def one(self) -> ModelPlan:
        """The only model. Raises UsageError where several are named."""
        if len(self.plans) > 1:
            raise UsageError("Name one model: this table is about a single one.")
        return self.plans[0]


@dataclass(frozen=True, slots=True)
class _Shape:
    layers: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    latent_dim: int | None = None
    window_layers: int = 0
    window: str | None = None


def _plain(params: str, active: str | None, shape: _Shape, trained: str | None) -> ModelPlan:
    """A model from plain numbers. Raises UsageError, ValueError."""
    from latprof.sizing import ModelPlan

    total = amount(params)
    return _told(ModelPlan("", total, total), active, shape, trained)


def _told(plan: ModelPlan, active: str | None, shape: _Shape, trained: str | None) -> ModelPlan:
    """The model with what the options say of it. Raises UsageError, ValueError."""
    if active is not None:
        plan = replace(plan, active_parameters=amount(active))
    if trained is not None:
        plan = replace(plan, limit_tokens=int(amount(trained)))
    if shape == _Shape():
        return plan
    return replace(
        plan,
        kv_bytes=_cache_bytes(shape),
        window_kv_bytes=_window_bytes(shape),
        window_tokens=0 if shape.window is None else int(amount(shape.window)),
        index_bytes=0.0,
        sparse_tokens=None,
        kv_splits=1 if shape.latent_dim else shape.kv_heads,
    )


def _window_bytes(shape: _Shape) -> float:
    """Bytes per token at 16 bit of the layers with a window. Raises UsageError."""
    from latprof.sizing import attention_kv_bytes

    if not shape.window_layers:
        return 0.0
    if shape.kv_heads is None or shape.head_dim is None or shape.window is None:
        raise UsageError("Layers with a window need --window, --kv-heads and --head-dim.")
    return attention_kv_bytes(shape.window_layers, shape.kv_heads, shape.head_dim)


def _cache_bytes(shape: _Shape) -> float | None:
    """Bytes per token at 16 bit, None where the shape is not given. Raises UsageError."""
    from latprof.sizing import attention_kv_bytes, latent_kv_bytes

    given = (shape.layers, shape.kv_heads, shape.head_dim)
    if shape.latent_dim is not None:
        if shape.layers is None:
            raise UsageError("Latent attention needs --layers beside --latent-dim.")
        return latent_kv_bytes(shape.layers, shape.latent_dim, 0)
    if shape.layers is None or shape.kv_heads is None or shape.head_dim is None:
        if any(item is not None for item in given):
            raise UsageError("Give --layers, --kv-heads and --head-dim together: the cache follows from all three.")
        return None
    return attention_kv_bytes(shape.layers, shape.kv_heads, shape.head_dim)


def _known(catalogue: Catalogue, name: str) -> ModelPlan:
    """A model of the catalogue. Raises UsageError where its size is not known, ValueError."""
    from latprof.sizing import ModelPlan

    shape = catalogue.architecture(name)
    # Of a sparse attention whose number of tokens is not known nothing is counted, so that a bound stays one.
    sparse = "sparse" in (catalogue.find(name, "model").text("attention") or "")
    if shape.params_total_b is None:
        raise UsageError(f"The catalogue does not know how many parameters {shape.name} has: give --params.")
    return ModelPlan(
        name=shape.name,
        parameters=shape.params_total_b * 1e9,
        active_parameters=(shape.params_active_b or shape.params_total_b) * 1e9,
        kv_bytes=_known_cache(shape),
        window_kv_bytes=_known_window(shape),
        window_tokens=int(shape.window_tokens or 0),
        index_bytes=shape.indexer_bytes_per_token or 0.0,
        sparse_tokens=int(shape.sparse_top_tokens or 0) if sparse else None,
        kv_splits=1 if shape.mla_latent_dim else None if shape.kv_heads is None else int(shape.kv_heads),
        limit_tokens=None if shape.context_tokens is None else int(shape.context_tokens),
    )


def _known_cache(shape: Architecture) -> float | None:
    """Bytes per token at 16 bit: as stated, else from the shape of a model whose layers are all alike."""
    from latprof.sizing import attention_kv_bytes, latent_kv_bytes

    if shape.kv_bytes_per_token is not None:
        return shape.kv_bytes_per_token
    layers = shape.layers_full_attention or shape.layers
    if layers is None:
        return None
    if shape.mla_latent_dim is not None:
        return latent_kv_bytes(int(layers), int(shape.mla_latent_dim), 0)
    if shape.kv_heads is None or shape.head_dim is None:
        return None
    return attention_kv_bytes(int(layers), int(shape.kv_heads), int(shape.head_dim))


def _known_window(shape: Architecture) -> float:
    """Bytes per token at 16 bit of the layers with a window."""
    from latprof.sizing import attention_kv_bytes

    if not (shape.window_tokens and shape.layers and shape.layers_full_attention and shape.kv_heads and shape.head_dim):
        return 0.0
    windowed = int(shape.layers - shape.layers_full_attention)
    return attention_kv_bytes(windowed, int(shape.kv_heads), int(shape.head_dim)) if windowed else 0.0


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards or memories that the user means; without any, those of the catalogue."""

    cards: tuple[Card, ...]

    @classmethod
    def of(
        cls,
        gpu: Annotated[
            list[str] | None,
            typer.Option("--gpu", metavar="NAME", help="Only this hardware of the catalogue; several with commas."),
        ] = None,
        memory: Annotated[
            list[str] | None, typer.Option("--memory", metavar="GB", help="Instead: these memories, as 8,12,24.")
        ] = None,
        bandwidth: Annotated[
            list[str] | None, typer.Option("--bandwidth", metavar="GB/S", help="Instead: these bandwidths, as 89,1008.")
        ] = None,
        catalogue_files: CatalogueFiles = None,
    ) -> Cards:
        """From the options. Raises UsageError."""
        if gpu and (memory or bandwidth):
            raise UsageError("Give --gpu, or --memory and --bandwidth, not both.")
        if memory or bandwidth:
            return cls(_plain_cards(memory, bandwidth))
        catalogue = chosen_catalogue(catalogue_files)
        return cls(tuple(_cards(catalogue, split(gpu))))


def _plain_cards(memory: Sequence[str] | None, bandwidth: Sequence[str] | None) -> tuple[Card, ...]:
    """Memories, bandwidths, or both side by side. Raises UsageError."""
    from latprof.sizing import Card

    sizes = numbers(memory, "--memory") if memory else []
    speeds = numbers(bandwidth, "--bandwidth") if bandwidth else []
    if sizes and speeds and len(sizes) != len(speeds):
        raise UsageError("Give as many --memory as --bandwidth, in the same order, or only one of them.")
    count = max(len(sizes), len(speeds))
    return tuple(
        Card(
            f"{sizes[index]:g} GB" if sizes else f"{speeds[index]:g} GB/s",
            sizes[index] * 1e9 if sizes else None,
            speeds[index] * 1e9 if speeds else None,
        )
        for index in range(count)
    )


def _cards(catalogue: Catalogue, names: Sequence[str]) -> Iterator[Card]:
    from latprof.sizing import Card

    wanted = names or [entry.id for entry in catalogue.of_type("gpu")]
    for name in wanted:
        found = catalogue.gpu(name)
        if found.memory_gb is None and found.bandwidth_gb_s is None:
            if names:
                raise UsageError(f"The catalogue knows neither memory nor bandwidth of {found.name}: give --memory.")
            continue
        yield Card(
            found.name,
            None if found.memory_gb is None else found.memory_gb * 1e9,
            None if found.bandwidth_gb_s is None else found.bandwidth_gb_s * 1e9,
        )
