"""What does StatFlow cost, beside what else one could use on the same machine in the same minute?

Machines are shared and noisy, so every result is a ratio to a peer that did the same work in the same run;
absolute figures only show sizes. Run ``python -m benchmarks --help``.
"""
