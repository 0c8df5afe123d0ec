"""Tries of the command line with changed files and odd arguments.

A theme makes one try from a seed: it puts files into an empty folder and names a command. A server,
which has imported everything once, forks itself for each try. The judge looks at the exit code, at
standard error and at every file. A try whose files mean the same as the original has to give the
same picks.
"""
