"""What the disk under a file is like: how much room there is, and whether it is another computer's."""

from __future__ import annotations

import shutil
from pathlib import Path

# What mounts of other computers are called (Linux, `filesystems(5)`, and FUSE's own names).
_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "glusterfs", "fuse.sshfs")
)

_MOUNTS = Path("/proc/mounts")


def free_bytes(path: Path) -> int:
    """Return how many bytes are free for this user on the disk of `path`, which need not be there yet."""
    return shutil.disk_usage(nearest(path)).free


def network_file_system(path: Path, mounts: Path = _MOUNTS) -> str:
    """Return the kind of network file system that `path` is on; empty if on none, as far as is known.

    `mounts` is the list of mounts in the form of fstab(5), which only Linux has there.
    """
    place = nearest(path)
    best, kind = -1, ""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        fields = line.split()
        if len(fields) < 3:
            continue
        # Blanks in a name are written as octal escapes.
        mount = Path(fields[1].replace("\\040", " "))
        if place.is_relative_to(mount) and len(mount.parts) >= best:
            best, kind = len(mount.parts), fields[2]
    return kind if kind in _NETWORK else ""


def nearest(path: Path) -> Path:
    """Return `path` wherever one stands, or the nearest folder above it that is there."""
    place = path.resolve()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place
