"""Seccomp: system calls that a model's maths never needs are refused.

    sockets     none of any kind (landlock lets a path socket through). A pair of its own stays,
                but not of datagrams: those can be sent to any path
    processes   no new process or program, no signal to another, no window into one; threads
                stay, with all their open files in common: so they can be counted
    files       no changed mode, owner, time or attribute, and none watched: landlock lets
                those through for every file of the same user, and before its ABI 3 truncation
    memory      none that outlives the process or that its limits do not count: memfd, System V
                and POSIX queues
    kernel      nothing of its insides, and no call that is newer than this list

What is refused answers EPERM; what is newer than this list answers ENOSYS, as an older kernel
would, and the C library does without it.
"""

import errno
import os
from contextlib import suppress

import pyseccomp

_CLONE_FILES, _CLONE_THREAD = 0x00000400, 0x00010000

_SOCKETS = (
    "socket", "connect", "bind", "listen", "accept", "accept4", "sendmsg", "sendmmsg",
)  # fmt: skip
_PROGRAMS = ("execve", "execveat", "fork", "vfork")
_OTHERS = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp",
    "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
    "tkill", "setpriority", "migrate_pages", "move_pages", "ioprio_set", "sched_setscheduler",
    "sched_setparam", "sched_setattr", "get_robust_list",
)  # fmt: skip
_FILES = (
    "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "utime", "utimes",
    "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "removexattr",
    "lremovexattr", "fremovexattr", "truncate", "mknod", "mknodat", "inotify_init",
    "inotify_init1", "inotify_add_watch",
)  # fmt: skip
_MEMORY = (
    "memfd_create", "memfd_secret", "shmget", "shmat", "shmctl", "msgget", "msgsnd", "msgrcv",
    "msgctl", "semget", "semop", "semtimedop", "semctl", "mq_open", "mq_unlink",
)  # fmt: skip
_KERNEL = (
    "mount", "umount2", "pivot_root", "chroot", "setns", "unshare", "open_tree", "move_mount",
    "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "bpf", "userfaultfd",
    "perf_event_open", "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl",
    "add_key", "request_key", "kexec_load", "kexec_file_load", "init_module", "finit_module",
    "delete_module", "open_by_handle_at", "name_to_handle_at", "reboot", "swapon", "swapoff",
    "quotactl", "acct", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex",
    "personality", "iopl", "ioperm", "modify_ldt", "syslog", "sethostname", "setdomainname",
    "vhangup", "fanotify_init", "lookup_dcookie", "setrlimit", "uselib", "ustat", "sysfs",
)  # fmt: skip

# numbers that every architecture shares: behind process_madvise (440), and of those only waits
_NEWER = tuple(set(range(441, 512)) - {441, 449, 454, 455, 456, 462})
_CLOSE_RANGE, _CLOSE_RANGE_UNSHARE = 436, 2
_OPENAT2 = 437  # its flags lie in memory, where no filter sees them

_INT = 0xFFFFFFFF  # a kernel int: what stands above it is not looked at
_STREAMS = (1, 5)  # SOCK_STREAM, SOCK_SEQPACKET; the type's lowest four bits
_PRCTL = (1, 4)  # PR_SET_PDEATHSIG (it would outlive its parent), PR_SET_DUMPABLE
_FCNTL = (8, 10, 15, 1024, 1026)  # F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY
_IOCTL = (
    0x8901, 0x8902,  # FIOSETOWN, SIOCSPGRP: a signal to whom one likes
    0x5412, 0x541C,  # TIOCSTI, TIOCLINUX: words into a terminal
    0x40086602, 0x401C5820,  # FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR
)  # fmt: skip


def restrict_syscalls() -> None:
    """Load the filter into this process for good; raises OSError where the kernel has none.

    Needs `no_new_privileges` first, and one thread. Names that the machine's libseccomp does
    not know are names that its kernel headers did not have: those are refused by number.
    """
    calls = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refused, unknown = pyseccomp.ERRNO(errno.EPERM), pyseccomp.ERRNO(errno.ENOSYS)
    for name in (*_SOCKETS, *_PROGRAMS, *_FILES):
        calls.add_rule(refused, name)
    for name in (*_OTHERS, *_MEMORY, *_KERNEL):
        with suppress(OSError, RuntimeError):
            calls.add_rule(refused, name)
    for number in (_OPENAT2, *_NEWER):
        calls.add_rule(unknown, number)
    # its flags lie in memory too; glibc then falls back to clone
    calls.add_rule(unknown, "clone3")
    _refuse_by_argument(calls, refused)
    calls.load()


def _refuse_by_argument(calls: pyseccomp.SyscallFilter, refused: int) -> None:
    own, arg = os.getpid(), pyseccomp.Arg
    calls.add_rule(refused, "kill", arg(0, pyseccomp.NE, own))
    calls.add_rule(refused, "tgkill", arg(0, pyseccomp.NE, own))
    calls.add_rule(refused, "sched_setaffinity", arg(0, pyseccomp.NE, 0))
    calls.add_rule(refused, "prlimit64", arg(2, pyseccomp.NE, 0))  # reading limits is fine
    for flag in (_CLONE_THREAD, _CLONE_FILES):
        calls.add_rule(refused, "clone", arg(0, pyseccomp.MASKED_EQ, flag, 0))
    apart = arg(2, pyseccomp.MASKED_EQ, _CLOSE_RANGE_UNSHARE, _CLOSE_RANGE_UNSHARE)
    calls.add_rule(refused, _CLOSE_RANGE, apart)
    calls.add_rule(refused, "sendto", arg(4, pyseccomp.NE, 0))  # an address
    calls.add_rule(refused, "socketpair", arg(0, pyseccomp.NE, 1))  # AF_UNIX
    for kind in set(range(16)) - set(_STREAMS):
        calls.add_rule(refused, "socketpair", arg(1, pyseccomp.MASKED_EQ, 0xF, kind))
    for name, at, values in (
        ("prctl", 0, _PRCTL),
        ("fcntl", 1, _FCNTL),
        ("ioctl", 1, _IOCTL),
    ):
        for value in values:
            calls.add_rule(refused, name, arg(at, pyseccomp.MASKED_EQ, _INT, value))
    # landlock before ABI 3 lets a file be emptied that may only be read
    flags, emptied = os.O_TRUNC | os.O_ACCMODE, os.O_TRUNC | os.O_RDONLY
    for name, at in (("open", 1), ("openat", 2)):
        calls.add_rule(refused, name, arg(at, pyseccomp.MASKED_EQ, flags, emptied))
