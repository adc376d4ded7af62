"""What the system tells of processes that run: CPU, threads, memory (proc(5))."""

import contextlib
import os
import time

TICKS = os.sysconf("SC_CLK_TCK")


def stat(pid):
    """The fields of /proc/PID/stat behind the name; None if that process is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def cpu_of(fields):
    """Its CPU seconds, with those of the children that it waited for."""
    return sum(int(field) for field in fields[11:15]) / TICKS


def tree(*roots):
    """These processes and all that descend from them."""
    found, ahead = [], list(roots)
    while ahead:
        pid = ahead.pop()
        found.append(pid)
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as file:
                    ahead.extend(int(child) for child in file.read().split())
    return found


def cpu(*roots):
    """CPU seconds of these processes and all that descend from them."""
    return sum(cpu_of(fields) for pid in tree(*roots) if (fields := stat(pid)))


def threads(*roots):
    """For each thread of these processes and of all that descend from them: its name, CPU seconds (finer than those of a
    process) and how often it gave up the processor."""
    found = {}
    for pid in tree(*roots):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in os.listdir(f"/proc/{pid}/task"):
                here = f"/proc/{pid}/task/{task}/"
                with open(here + "comm") as comm, open(here + "schedstat") as schedule, open(here + "status") as status:
                    waits = next(int(line.split()[1]) for line in status if line.startswith("voluntary"))
                    found[task] = (comm.read().strip(), int(schedule.read().split()[0]) / 1e9, waits)
    return found


def rest(seconds, *roots):
    """Lets processes alone: percent of a core they used, wake-ups a second, and whose they were."""
    before = threads(*roots)
    time.sleep(seconds)
    cpu, wakes, whose = 0.0, 0, {}
    for task, (name, used, waits) in threads(*roots).items():
        _, used0, waits0 = before.get(task, (name, 0.0, 0))
        cpu, wakes = cpu + used - used0, wakes + waits - waits0
        whose[name] = whose.get(name, 0) + waits - waits0
    busiest = sorted(((n, w) for w, n in whose.items() if n), reverse=True)
    shown = ", ".join(f"{name} {count / seconds:.1f}" for count, name in busiest)
    return cpu * 100 / seconds, wakes / seconds, shown


def resident(*roots):
    """Resident set of these processes and of all that descend from them now, MiB."""
    kib = 0
    for pid in tree(*roots):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/status") as status:
            kib += sum(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return kib / 1024
