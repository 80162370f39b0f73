"""How large a model is: parameters times bits per weight."""

from __future__ import annotations

from typing import Final

from latprof.classes import dataclass
from latprof.sizing.checks import positive

__all__ = ["QUANTISATIONS", "Quantisation", "bits_per_weight", "model_bytes", "quantisation", "size_reduction_share"]


@dataclass(frozen=True, slots=True)
class Quantisation:
    """A way to store weights.

    `bits` is what a whole file takes per weight, scales and larger tensors included; `nominal_bits` is the
    figure that the article of April 2026 calculates with, None where it names none.
    """

    name: str
    bits: float
    nominal_bits: float | None
    source: str


_LLAMA_8B: Final = "llama.cpp tools/quantize/README.md, Llama 3.1 8B"
_FILE: Final = "size of the Llama 3 8B file without its vocabulary, 4.01 GB"
_BLOCKS: Final = "by its definition: blocks of 32 (MXFP4) or 16 (NVFP4) values share a scale of 8 bits"
_PLAIN: Final = "by its definition"

# Largest first. FP8 and INT4 as servers store them; the few tensors that stay at 16 bit are left out.
QUANTISATIONS: Final[tuple[Quantisation, ...]] = (
    Quantisation("BF16", 16.0, 16.0, _PLAIN),
    Quantisation("FP16", 16.0, 16.0, _PLAIN),
    Quantisation("Q8_0", 8.5008, 8.0, _LLAMA_8B),
    Quantisation("FP8", 8.0, None, _PLAIN),
    Quantisation("INT8", 8.0, None, _PLAIN),
    Quantisation("Q6_K", 6.5633, 6.5, _LLAMA_8B),
    Quantisation("Q5_K_M", 5.7036, 5.5, _LLAMA_8B),
    Quantisation("Q5_K_S", 5.5704, None, _LLAMA_8B),
    Quantisation("Q4_K_M", 4.8944, 4.8, _LLAMA_8B),
    Quantisation("Q4_K_S", 4.6672, None, _LLAMA_8B),
    Quantisation("NVFP4", 4.5, None, _BLOCKS),
    Quantisation("IQ4_XS", 4.4597, None, _LLAMA_8B),
    Quantisation("MXFP4", 4.25, None, _BLOCKS),
    Quantisation("INT4", 4.0, None, _PLAIN),
    Quantisation("Q3_K_M", 3.996, 3.4, _FILE),
    Quantisation("Q3_K_S", 3.6429, 3.0, _LLAMA_8B),
    Quantisation("Q2_K", 3.1593, 2.7, _LLAMA_8B),
    Quantisation("IQ2_XXS", 2.3824, None, _LLAMA_8B),
    Quantisation("AQLM", 2.02, 2.0, "the article, line 337: Llama 2 7B at 2.02 bits"),
    Quantisation("BitNet", 1.58, 1.58, "log2(3): three values per weight"),
)
_BY_NAME: Final = {item.name.lower(): item for item in QUANTISATIONS}


def quantisation(name: str) -> Quantisation:
    """The quantisation of that name, in any case. Raises ValueError."""
    found = _BY_NAME.get(name.strip().lower())
    if found is None:
        raise ValueError(f"no quantisation is called {name}: choose from {', '.join(q.name for q in QUANTISATIONS)}")
    return found


def model_bytes(parameters: float, bits: float) -> float:
    """Size of the weights in bytes: parameters x bits / 8.

    All parameters of a mixture of experts count, for all of them have to lie in memory. Raises ValueError.
    """
    positive(parameters=parameters, bits=bits)
    return parameters * bits / 8


def bits_per_weight(size_bytes: float, parameters: float) -> float:
    """The bits per weight that a file's size implies. Raises ValueError."""
    positive(size_bytes=size_bytes, parameters=parameters)
    return size_bytes * 8 / parameters


def size_reduction_share(bits: float, full_bits: float = 16.0) -> float:
    """How much smaller than at full precision, as a share: 1 - bits / full_bits. Raises ValueError."""
    positive(bits=bits, full_bits=full_bits)
    return 1 - bits / full_bits
