# Recipes for working on latprof; `just check` is what CI runs.

python := env("LATPROF_PYTHON", "python")

# Everything that CI does.
check: test static

# All but the tests; CI does both parts side by side.
static: rules package

# What the code and its pages have to obey.
rules: lint types layers docs budgets

# Style and likely mistakes.
lint:
    {{python}} -m ruff check src tests tools bench
    {{python}} -m ruff format --check src tests tools bench

# Types, tests included.
types:
    {{python}} -m mypy

# Who may import whom.
layers:
    cd src && lint-imports --config ../pyproject.toml

# Generated pages and examples are up to date.
docs:
    {{python}} tools/docs.py --check

# The logs in fixtures/ hold the limits of latprof.toml.
budgets:
    {{python}} -m latprof check fixtures/

# All tests.
test:
    {{python}} -m pytest -n auto

# Wheel and sdist build; the wheel installs alone and runs.
package:
    {{python}} tools/check_package.py

# The compiled extensions, beside their sources.
compile:
    {{python}} -m pip install -q --no-deps -e .

# Write generated pages anew.
write-docs:
    {{python}} tools/format_table.py
    {{python}} tools/docs.py

# Put the code into shape.
format:
    {{python}} -m ruff check --fix src tests tools bench
    {{python}} -m ruff format src tests tools bench
