# SPDX-License-Identifier: BSD-2-Clause
"""Real-time signals with a payload, which Python's os.kill cannot send."""

import ctypes
import errno
import os
import signal

from .waiting import wait_for

STATS = signal.SIGRTMIN
WORKERS = signal.SIGRTMIN + 1
LOG_LEVEL = signal.SIGRTMIN + 2

_libc = ctypes.CDLL(None, use_errno=True)


def queue(pid, number, payload):
    """sigqueue(3); waits while the kernel's queue is full."""
    def is_sent():
        # The union sigval is passed as a pointer is; its int is the lower half.
        if _libc.sigqueue(pid, int(number), ctypes.c_void_p(payload & 0xffffffff)) == 0:
            return True
        error = ctypes.get_errno()
        if error != errno.EAGAIN:
            raise OSError(error, os.strerror(error))
        return False
    wait_for(is_sent, what="room in the queue of signals")
