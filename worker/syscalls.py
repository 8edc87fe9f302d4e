"""Seccomp: system calls that a model's maths never needs answer EPERM.

No sockets of any kind (landlock lets a path socket through), no new process or program, no
signal to another process, no window into another process or the kernel. Threads stay.
"""

import errno
import os
from contextlib import suppress

import pyseccomp

_CLONE_THREAD = 0x00010000

_SOCKETS = ("socket", "connect", "bind", "listen", "accept", "accept4")
_PROGRAMS = ("execve", "execveat", "fork", "vfork")
_OTHERS = (
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp",
    "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
    "tkill", "setpriority", "migrate_pages", "move_pages",
)  # fmt: skip
_KERNEL = (
    "mount", "umount2", "pivot_root", "chroot", "setns", "unshare", "open_tree", "move_mount",
    "fsopen", "fsconfig", "fsmount", "mount_setattr", "bpf", "userfaultfd", "perf_event_open",
    "io_uring_setup", "io_uring_enter", "io_uring_register", "keyctl", "add_key",
    "request_key", "kexec_load", "kexec_file_load", "init_module", "finit_module",
    "delete_module", "open_by_handle_at", "name_to_handle_at", "reboot", "swapon", "swapoff",
    "quotactl", "acct", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex",
    "personality", "iopl", "ioperm", "syslog", "sethostname", "setdomainname", "vhangup",
    "fanotify_init", "lookup_dcookie", "setrlimit", "mknod", "mknodat",
)  # fmt: skip


def restrict_syscalls() -> None:
    """Load the filter into this process for good; raises OSError where the kernel has none.

    Needs `no_new_privileges` first, and one thread. Names that the machine's libseccomp does
    not know are names that its kernel headers did not have.
    """
    refused = pyseccomp.ERRNO(errno.EPERM)
    calls = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for name in (*_SOCKETS, *_PROGRAMS):
        calls.add_rule(refused, name)
    for name in (*_OTHERS, *_KERNEL):
        with suppress(OSError, RuntimeError):
            calls.add_rule(refused, name)
    own, arg = os.getpid(), pyseccomp.Arg
    calls.add_rule(refused, "kill", arg(0, pyseccomp.NE, own))
    calls.add_rule(refused, "tgkill", arg(0, pyseccomp.NE, own))
    calls.add_rule(refused, "prlimit64", arg(2, pyseccomp.NE, 0))  # reading limits is fine
    calls.add_rule(refused, "clone", arg(0, pyseccomp.MASKED_EQ, _CLONE_THREAD, 0))
    # its flags lie in memory, where no filter sees them; glibc then falls back to clone
    calls.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    calls.load()
