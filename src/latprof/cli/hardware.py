"""`latprof hardware`: how large, how fast, how much context, what fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from latprof.cli.calculator import Cards, Models, Output, amount, numbers, takes, usage
from latprof.cli.selection import split
from latprof.errors import UsageError

if TYPE_CHECKING:
    from latprof.sizing import Quantisation

__all__ = ["context", "fit", "hardware", "sizes", "speed"]

hardware = typer.Typer(help="Calculate what open-weight models need and how fast they run.", no_args_is_help=True)

Quant = Annotated[
    str, typer.Option("--quant", metavar="NAME", help="Format of the weights, as Q4_K_M, FP8 or BF16; or bits, as 4.8.")
]
KvBits = Annotated[float, typer.Option("--kv-bits", metavar="N", min=1, help="Bits per value of the cache.")]
Headroom = Annotated[
    float, typer.Option("--headroom", metavar="GB", min=0, help="Memory of each card that is kept free.")
]


@hardware.command()
@takes(models=Models.of, output=Output.of)
def sizes(
    models: Models,
    quants: Annotated[
        list[str] | None, typer.Option("--quant", metavar="NAME", help="Only these; several with commas. [all]")
    ] = None,
    *,
    output: Output,
) -> None:
    """Show how large a model is in each quantisation.

    And what it reads for each token.
    """
    from latprof.report.hardware import size_document
    from latprof.sizing import QUANTISATIONS, size_rows

    model = models.one()
    chosen = [_quantisation(name) for name in split(quants)] or QUANTISATIONS
    with usage():
        output.show(size_document(model, size_rows(model, chosen)))


@hardware.command()
@takes(models=Models.of, cards=Cards.of, output=Output.of)
def speed(
    models: Models,
    cards: Cards,
    quant: Quant = "Q4_K_M",
    count: Annotated[int, typer.Option("--cards", metavar="N", min=1, help="How many cards work together.")] = 1,
    context: Annotated[
        str, typer.Option("--context", metavar="N", help="Tokens of context whose cache is read too, as 32K.")
    ] = "0",
    kv_bits: KvBits = 16,
    *,
    output: Output,
) -> None:
    """Show how fast memory lets one stream generate.

    The ceiling, and the 50 to 70 % of it that are real.
    """
    from latprof.report.hardware import speed_document
    from latprof.sizing import speed_rows

    model, chosen, tokens = models.one(), _quantisation(quant), int(amount(context))
    if all(card.bandwidth is None for card in cards.cards):
        raise UsageError("A speed needs a bandwidth: give --bandwidth, or a --gpu whose bandwidth is known.")
    with usage():
        rows = speed_rows(model, chosen.bits, cards.cards, count=count, context_tokens=tokens, kv_bits=kv_bits)
        output.show(speed_document(model, chosen, rows, context_tokens=tokens, kv_bits=kv_bits))


@hardware.command()
@takes(models=Models.of, cards=Cards.of, output=Output.of)
def context(
    models: Models,
    cards: Cards,
    quant: Quant = "Q4_K_M",
    kv_bits: Annotated[
        str, typer.Option("--kv-bits", metavar="LIST", help="Bits per value of the cache, one column each.")
    ] = "16,8,4",
    headroom: Headroom = 1.0,
    *,
    output: Output,
) -> None:
    """Show the largest context of one session.

    Per memory and precision of the cache.
    """
    from latprof.report.hardware import context_document
    from latprof.sizing import context_rows

    model, chosen, bits = models.one(), _quantisation(quant), numbers(kv_bits, "--kv-bits")
    _needs_memory(cards)
    with usage():
        rows = context_rows(model, chosen.bits, cards.cards, bits, headroom_bytes=headroom * 1e9)
        output.show(context_document(model, chosen, rows, bits, headroom * 1e9))


@hardware.command()
@takes(models=Models.of, cards=Cards.of, output=Output.of)
def fit(  # noqa: PLR0913 - one argument per option
    models: Models,
    cards: Cards,
    quant: Quant = "FP8",
    context: Annotated[str, typer.Option("--context", metavar="N", help="Tokens of context of each session.")] = "100K",
    sessions: Annotated[int, typer.Option(metavar="N", min=1, help="Sessions that must fit at once.")] = 1,
    kv_bits: KvBits = 16,
    headroom: Headroom = 4.0,
    most: Annotated[int, typer.Option("--max-cards", metavar="N", min=1, help="No more cards than these.")] = 8,
    *,
    output: Output,
) -> None:
    """Show on how many cards models fit with their sessions.

    And how fast one stream is there.
    """
    from latprof.report.hardware import FitQuestion, fit_document
    from latprof.sizing import fit_rows

    chosen, tokens = _quantisation(quant), int(amount(context))
    _needs_memory(cards)
    with usage():
        rows = list(
            fit_rows(
                models.plans,
                chosen.bits,
                cards.cards,
                context_tokens=tokens,
                sessions=sessions,
                kv_bits=kv_bits,
                headroom_bytes=headroom * 1e9,
                most_cards=most,
            )
        )
        question = FitQuestion(chosen, tokens, sessions, kv_bits, headroom * 1e9, most)
        document = fit_document(rows, question)
    output.show(document)


def _needs_memory(cards: Cards) -> None:
    if all(card.memory_bytes is None for card in cards.cards):
        raise UsageError("This needs the size of a memory: give --memory, or a --gpu whose memory is known.")


def _quantisation(text: str) -> Quantisation:
    """By name, or by plain bits per weight. Raises UsageError."""
    from latprof.sizing import Quantisation, quantisation

    try:
        bits = float(text)
    except ValueError:
        with usage():
            return quantisation(text)
    if not 0 < bits <= 64:
        raise UsageError(f"--quant {text} is no number of bits: give a name as Q4_K_M, or bits from 1 to 64.")
    return Quantisation(f"{bits:g} bits", bits, None, "as given")
