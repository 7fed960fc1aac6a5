"""The commands of the shell by theme: one file each, with `add(command)`; a new file is one more name in `THEMES`."""

from core.commands import bench, frontier, monitoring, offers, policies, reading, signing, trail, work

THEMES = (work, reading, policies, signing, trail, monitoring, frontier, offers, bench)
