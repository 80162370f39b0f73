"""Where costly steps may be kept between runs, and how a step's inputs and result are written for that.

A shelf is any mapping from text keys to named arrays. A key is made from everything that the step
depends on, so what is found under it is what the step would give; a shelf may lose entries at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import field, fields, is_dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from latprof.classes import dataclass
from latprof.estimate.mixture import Mixture
from latprof.estimate.values import Calibration, Fitted, Misfit, Parameters, Readings

__all__ = [
    "METHOD", "Arrays", "Noting", "Shelf", "digest", "fitted_from", "full_name", "kept", "readings_from", "saved",
]  # fmt: skip

Arrays = dict[str, NDArray[Any]]
Shelf = MutableMapping[str, Arrays]
Result = TypeVar("Result")

# Part of every key; to be raised when the same inputs shall give other results.
METHOD: Final = 2


@dataclass(slots=True)
class Noting(MutableMapping[str, Arrays]):
    """A shelf that is only looked at: what is put there is noted as `news`, for who may change it."""

    shelf: Shelf
    news: dict[str, Arrays] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Arrays:
        """What is on the shelf, or noted. Raises KeyError."""
        return self.news[key] if key in self.news else self.shelf[key]

    def __setitem__(self, key: str, arrays: Arrays) -> None:
        self.news[key] = arrays

    def __delitem__(self, key: str) -> None:
        del self.news[key]

    def __iter__(self) -> Iterator[str]:
        return iter({**self.shelf, **self.news})

    def __len__(self) -> int:
        return len(set(self.shelf) | set(self.news))


def kept(
    shelf: Shelf | None,
    key: Callable[[], tuple[str, str]],
    make: Callable[[], Result],
    save: Callable[[Result], Arrays],
    load: Callable[[Arrays], Result],
) -> Result:
    """The step's result from the shelf, or made and put there."""
    if shelf is None:
        return make()
    name = full_name(*key())
    arrays = shelf.get(name)
    if arrays is not None:
        return load(arrays)
    result = make()
    shelf[name] = save(result)
    return result


def full_name(step: str, digest_of: str) -> str:
    """The key of what a step makes of inputs with this digest."""
    return f"{METHOD}-{np.__version__}-{step}-{digest_of}"


def digest(value: object) -> str:
    """A name for a value made of arrays, numbers, texts, tuples and dataclasses: equal values, equal names."""
    state = hashlib.sha256()  # processors have instructions for it
    _feed(state, value)
    return state.hexdigest()


def _feed(state: Any, value: object) -> None:
    """Every part with its kind and size before it, so that no two different values read the same."""
    if isinstance(value, np.ndarray):
        state.update(f"{value.dtype.str}{value.shape}".encode())
        state.update(np.ascontiguousarray(value).data)
    elif is_dataclass(value):
        state.update(f"{type(value).__name__}(".encode())
        for item in fields(value):
            _feed(state, getattr(value, item.name))
    elif isinstance(value, tuple):
        state.update(f"({len(value)},".encode())
        for part in value:
            _feed(state, part)
    else:
        state.update(f"{type(value).__name__}:{value!r};".encode())


def saved(result: Fitted | Readings) -> Arrays:
    """A result as named arrays without objects."""
    if isinstance(result, Readings):
        return {"first_s": result.first_s, "speed_tps": result.speed_tps}
    arrays: Arrays = {
        "fitted_on": np.array(result.fitted_on),
        "calibration": result.calibration.coefficients,
        "calibration_facts": np.array([result.calibration.error, result.calibration.n, result.calibration.fitted]),
        "checks": np.array([[item.n, item.distance, item.allowed] for item in result.checks]).reshape(-1, 3),
        "check_names": np.array([item.name for item in result.checks], dtype=np.str_),
    }
    if result.refused is not None:
        arrays["refused"] = np.array(result.refused)
    for name in ("grid", "first_error", "speed_error"):
        if (column := getattr(result, name)) is not None:
            arrays[name] = column
    return arrays if result.parameters is None else arrays | _of_parameters(result.parameters)


def _of_parameters(parameters: Parameters) -> Arrays:
    shapes = {name: getattr(parameters, name) for name in ("first", "speed")}
    return {
        **{f"{name}_shape": np.array([shape.share, shape.centre, shape.width]) for name, shape in shapes.items()},
        "type_log": parameters.type_log,
        "numbers": np.array([getattr(parameters, name) for name in _NUMBERS]),
        "effect_counts": np.array([len(effect) for effect in parameters.first_effects], dtype=np.int64),
        "first_effects": np.concatenate([*parameters.first_effects, np.empty(0)]),
        "speed_effects": np.concatenate([*parameters.speed_effects, np.empty(0)]),
    }


_NUMBERS: Final = ("beta_s", "gamma", "wobble", "free_tokens")


def readings_from(arrays: Arrays) -> Readings:
    """What `saved` wrote of readings."""
    return Readings(arrays["first_s"], arrays["speed_tps"])


def fitted_from(arrays: Arrays) -> Fitted:
    """What `saved` wrote of a fit."""
    error, n, is_fitted = arrays["calibration_facts"].tolist()
    names, checks = arrays["check_names"].tolist(), arrays["checks"].tolist()
    return Fitted(
        calibration=Calibration(arrays["calibration"], error, int(n), bool(is_fitted)),
        fitted_on=int(arrays["fitted_on"]),
        refused=str(arrays["refused"]) if "refused" in arrays else None,
        parameters=_parameters(arrays) if "numbers" in arrays else None,
        grid=arrays.get("grid"),
        checks=tuple(Misfit(name, int(row[0]), *row[1:]) for name, row in zip(names, checks, strict=True)),
        first_error=arrays.get("first_error"),
        speed_error=arrays.get("speed_error"),
    )


def _parameters(arrays: Arrays) -> Parameters:
    cuts = np.cumsum(arrays["effect_counts"])[:-1]
    shared: dict[str, Any] = dict(zip(_NUMBERS, arrays["numbers"].tolist(), strict=True))
    for name in ("first_effects", "speed_effects"):
        shared[name] = tuple(np.split(arrays[name], cuts)) if len(arrays["effect_counts"]) else ()
    return Parameters(
        first=Mixture(*arrays["first_shape"]),
        speed=Mixture(*arrays["speed_shape"]),
        type_log=arrays["type_log"],
        **shared,
    )
