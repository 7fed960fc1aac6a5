"""The commands of the shell by theme: one file each, with `add(command)`; a new file is one more name in `THEMES`."""

from core.commands import bench, frontier, offers, policies, reading, work

THEMES = (work, reading, policies, frontier, offers, bench)
