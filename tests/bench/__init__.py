"""The benchmark: how fast the importer is, what its safety costs, and what others need for the same job.

``python -m tests.bench`` measures everything side by side and prints what is wanted and what was seen. Since
machines are noisy, the figures are ratios of what ran alternately within one round, and medians over rounds;
bare rates are told beside them. ``--help`` tells the options.

===============  =============================================================================================
``figures``      what was measured, what is wanted, and medians; pure
``tables``       figures and details for a terminal of 80 columns, and in Markdown; pure
``records``      the JSON file of it all
``processes``    a command in a process of its own, on a terminal: its time and its memory
``servers``      nginx, and a small server that answers late, or has a limit, or stands in for nginx
``contestants``  the importer, and those that do the same job
``sections``     what is measured: wire, latency, limit, scale, start
===============  =============================================================================================
"""
