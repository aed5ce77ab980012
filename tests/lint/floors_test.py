# SPDX-License-Identifier: BSD-2-Clause
"""Who may know whom: every include against floors.txt, and system calls in src/sys only."""

import re
import unittest

from house import SRC, floors, room_of, sources, without_comments

# Headers of the system that rooms above sys may include: they give types and constants. Whoever
# calls one of their functions is caught by the second test.
CONSTANTS_ONLY = {
    "sys/types.h": "pid_t, uid_t",
    "sys/uio.h": "struct iovec, the shape of a chain",
    "sys/stat.h": "mode bits",
    "sys/socket.h": "sockaddr and AF_ constants in addresses",
    "sys/un.h": "sockaddr_un in addresses",
    "netinet/in.h": "sockaddr_in and sockaddr_in6 in addresses",
    "netinet/tcp.h": "names of socket options",
    "sys/epoll.h": "EPOLLIN and its kin",
    "sys/signalfd.h": "the record read from a signalfd",
    "sys/resource.h": "names of limits",
    "sys/syslog.h": "priorities",
    "syslog.h": "priorities",
    "fcntl.h": "O_ constants",
    "linux/openat2.h": "RESOLVE_ constants",
    "linux/sched.h": "clone flags",
    "signal.h": "signal numbers",
    "csignal": "signal numbers",
    "sysexits.h": "exit codes",
    "poll.h": "POLLIN and its kin",
    "arpa/inet.h": "byte order and text forms of addresses: no system call inside",
}
SYSTEM_HEADERS = re.compile(r"^(sys/|linux/|netinet/|arpa/|asm/|net/if|bits/).*|"
                            r"^(unistd|fcntl|signal|poll|sched|pthread|spawn|dirent|netdb|pwd|grp|"
                            r"syslog|mqueue|semaphore|termios|dlfcn|sysexits|ftw|glob|wordexp|"
                            r"fnmatch|ucontext|setjmp)\.h$|^(csignal|csetjmp)$")
# Names that are a system call wherever they stand unqualified …
CALLS = """accept4 bind_listen clock_gettime clone3 close_range copy_file_range dup2 dup3 epoll_create1
epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd execl execle execlp execv execve execveat
execvp fallocate fchmod fchown fdatasync fork fstat fstatat fsync ftruncate futex getaddrinfo
getdents64 getgrnam getgrnam_r getpeername getpid getppid getpwnam getpwnam_r getrlimit
getsockname getsockopt gettimeofday getuid geteuid inotify_add_watch inotify_init1 lseek lstat
madvise memfd_create mkdirat mmap mprotect mq_open mq_send msync munmap nanosleep openat openat2
opendir pidfd_open pipe2 posix_spawn ppoll prctl pread preadv pselect pwrite readdir readlink
readlinkat recvmmsg recvmsg renameat2 sched_getaffinity sched_setaffinity sendfile sendmmsg
sendmsg setgid setgroups initgroups setitimer setrlimit setsid setsockopt setuid sigaction
signalfd sigprocmask pthread_sigmask sigqueue sigtimedwait socketpair statx timerfd_create
timerfd_settime umask unlinkat usleep utimensat vfork vmsplice waitid waitpid writev""".split()
# … and those that are one only as ::name(…), because a class may have such a member.
GLOBAL_CALLS = CALLS + """accept bind close connect dup fcntl listen pause pipe raise read recv recvfrom rename send sendto
shutdown signal sleep socket stat unlink wait write rmdir remove link access alarm chdir chmod
chown chroot getenv isatty abort time ioctl kill mkdir open poll splice symlink tee""".split()
GLOBAL = re.compile(r"(?<![\w>:])::(" + "|".join(GLOBAL_CALLS) + r")\s*\(")
PLAIN = re.compile(r"(?<![\w.>:~&*])(" + "|".join(CALLS) + r")\s*\(")
# `Result open(…)` declares a function of ours; `return open(…)` calls something.
DECLARATION = re.compile(r"[\w>&*\]]\s+[&*]?(?:" + "|".join(CALLS) + r")\s*\($")
KEYWORDS = re.compile(r"\b(return|else|case|throw|co_return|co_await|co_yield|not|and|or)\s+\w+\s*\($")


class Floors(unittest.TestCase):
    def setUp(self):
        self.table = floors()

    def problems_of(self, path):
        relative = path.relative_to(SRC)
        room = room_of(relative)
        if room is not None and room not in self.table:
            yield f"src/{relative}: room {room} is not in tests/lint/floors.txt"
            return
        floor = self.table.get(room, 1000)
        lines = without_comments(path.read_text(encoding="utf-8")).split("\n")
        for number, line in enumerate(lines, 1):
            quoted = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            angle = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
            if quoted:
                yield from self.check_room(relative, number, room, floor, quoted[1])
            elif angle and room != "sys" and SYSTEM_HEADERS.match(angle[1]):
                if angle[1] not in CONSTANTS_ONLY:
                    yield f"src/{relative}:{number}: <{angle[1]}> belongs to src/sys"

    def check_room(self, relative, number, room, floor, include):
        other = room_of(include)
        where = f'src/{relative}:{number}: "{include}"'
        if not (SRC / include).exists():
            yield f"{where} does not exist (includes are written room/file.h)"
        elif other != room and other not in self.table:
            yield f"{where}: room {other} is not in the table"
        elif other != room and self.table[other] >= floor:
            yield f"{where}: floor {self.table[other]} is not below floor {floor}"

    def test_files_include_their_own_room_and_lower_floors_only(self):
        problems = [p for path in sources() for p in self.problems_of(path)]

        self.assertEqual(problems, [], "\n" + "\n".join(problems))

    def test_only_sys_makes_system_calls(self):
        problems = []
        for path in sources():
            relative = path.relative_to(SRC)
            if room_of(relative) == "sys":
                continue
            for number, line in enumerate(without_comments(path.read_text("utf-8")).split("\n"), 1):
                for match in list(GLOBAL.finditer(line)) + list(PLAIN.finditer(line)):
                    before = line[:match.end()]
                    if match.re is PLAIN and DECLARATION.search(before) and not KEYWORDS.search(before):
                        continue
                    problems.append(f"src/{relative}:{number}: {match[1]}() belongs to src/sys")

        self.assertEqual(problems, [], "\n" + "\n".join(problems))

    def test_every_room_of_the_tree_is_in_the_table(self):
        rooms = {room_of(path.relative_to(SRC)) for path in sources()} - {None}

        self.assertEqual(sorted(rooms - set(self.table)), [])


if __name__ == "__main__":
    unittest.main()
