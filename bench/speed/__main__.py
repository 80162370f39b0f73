"""`python bench/speed`."""

from speed_bench import main

main()
