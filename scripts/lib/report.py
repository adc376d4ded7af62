"""Tables, bars and the plot out of what scripts/compare measured."""

import html
import statistics

MIB, GIB = 1 << 20, 1 << 30


def median(entry, of, **where):
    """The median of `of(sample)` over the samples that `where` picks; None if there are none."""
    values = [of(s) for s in entry["samples"] if all(s.get(key) == value for key, value in where.items())]
    return statistics.median(values) if values else None


def spread(entry, of, form, **where):
    """The median, with least and most."""
    values = [of(s) for s in entry["samples"] if all(s.get(key) == value for key, value in where.items())]
    if not values:
        return ""
    if len(values) == 1:
        return form(values[0])
    return f"{form(statistics.median(values))} ({form(min(values))} to {form(max(values))})"


def ratio(one, other):
    """How `one` stands to `other`, both of which may be missing."""
    return one / other if one is not None and other else None


def beside(result, form, of, **where):
    """How potluck stands to its other build, if that was measured: the median over the rounds of what each round
    says. `form` has a place for what is compared; `of` are pairs of a name and what it is in a sample, where more is
    better."""
    both = [find(result, tool, **where)["samples"] for tool in ("potluck", "potluck, beside it")]
    lines = []
    for what, value in of if all(both) else ():
        rounds = [value(one) / value(other) for one, other in zip(*both)]
        lines.append(bar(result, form.format(what), statistics.median(rounds), 0.98))
    return lines


def whole(value):
    return f"{value:,.0f}"


def hundredths(value):
    return "" if value is None else f"{value:.2f}"


def state(entry):
    """What is to be said of an entry besides its numbers."""
    void = sum(sample["void"] for sample in entry["samples"])
    said = [] if entry["state"] == "ok" else [entry["state"]]
    return "; ".join(said + ([f"void: {void} of {len(entry['samples'])}"] if void else []))


def find(result, tool, **where):
    """The entry of a tool, if it was measured."""
    for entry in result["entries"]:
        if entry["tool"] == tool and all(entry.get(key) == value for key, value in where.items()):
            return entry
    return {"tool": tool, "samples": [], "state": "not measured"}


def bar(result, what, value, least=None, most=None):
    """One of the project's bars, and whether it is met; a void row says neither."""
    limit = f"at least {least:,}" if least is not None else f"at most {most:,}"
    if value is None:
        return f"{what}: not measured ({limit} wanted)"
    met = value >= least if least is not None else value <= most
    shown = whole(value) if value >= 100 else hundredths(value)
    verdict = "void" if void(result) else "met" if met else "MISSED"
    return f"{what}: {shown} ({limit} wanted: {verdict})"


def one_gib(result):
    size = result["size"]
    speed = lambda s: size / s["seconds"] / 1e6
    cpu = lambda s: (s["cpu_giver"] + s["cpu_taker"]) * GIB / size
    potluck, tls = find(result, "potluck"), find(result, "nginx TLS 1.3, curl")
    lines = [
        [
            entry["tool"], entry.get("version", ""), entry["encrypted"], entry["verified"],
            spread(entry, speed, whole), hundredths(ratio(median(entry, speed), median(tls, speed))),
            spread(entry, cpu, hundredths),
            spread(entry, lambda s: s["rss_giver"], whole).split(" ")[0],
            spread(entry, lambda s: s["rss_taker"], whole).split(" ")[0], state(entry),
        ]
        for entry in sorted(result["entries"], key=lambda e: -(median(e, speed) or 0))
    ]  # fmt: skip
    head = ["tool", "version", "encrypted", "verified", "MB/s", "of nginx TLS", "CPU s/GiB"]
    head += ["MiB giver", "MiB taker", "remarks"]
    of_tls = ratio(median(potluck, speed), median(tls, speed))
    bars = [
        bar(result, "potluck's speed, of nginx TLS 1.3 and curl's", of_tls, 0.95),
        bar(result, "potluck's CPU seconds a GiB, both peers", median(potluck, cpu), most=1.6),
        # Seconds are those of one machine: where the 1.6 come from, nginx TLS and curl took 1.5 to 1.6.
        bar(
            result, "the same, of nginx TLS 1.3 and curl's (1.6 stood beside their 1.55)",
            ratio(median(potluck, cpu), median(tls, cpu)), most=1.03,
        ),
        *beside(result, "{}, of the other build's", [("speed", speed), ("CPU, the other way round", lambda s: 1 / cpu(s))]),
    ]
    return f"One file of {size // MIB:,} MiB", head, lines, bars


def many_small(result):
    count = result["count"]
    rate = lambda s: count / s["seconds"]
    cpu = lambda s: s["cpu_giver"] + s["cpu_taker"]
    lines = [
        [
            entry["tool"], entry["place"], spread(entry, rate, whole), spread(entry, cpu, hundredths), state(entry)
        ]
        for entry in sorted(result["entries"], key=lambda e: (e["place"] != "memory", -(median(e, rate) or 0)))
    ]  # fmt: skip
    there = lambda tool, place: median(find(result, tool, place=place), rate)
    bars = [
        bar(result, "potluck's files a second, in memory", there("potluck", "memory"), 10_000),
        bar(
            result, "potluck's, of the rsync daemon's, in memory",
            ratio(there("potluck", "memory"), there("rsync daemon", "memory")), 1,
        ),
        bar(
            result, "potluck's, of those of the rsync daemon with one fsync a file, on a disk",
            ratio(there("potluck", "disk"), there("rsync daemon, --fsync", "disk")), 2,
        ),
    ]  # fmt: skip
    for place in ("memory", "disk"):
        of = [(f"files a second, {place}", rate), (f"CPU, {place}, the other way round", lambda s: 1 / cpu(s))]
        bars += beside(result, "{}, of the other build's", of, place=place)
    return f"{count:,} files of 16 KiB", ["tool", "files in", "files/s", "CPU s", "remarks"], lines, bars


def nested(result):
    count = result["count"]
    rate = lambda s: count / s["seconds"]
    cpu = lambda s: s["cpu_giver"] + s["cpu_taker"]
    rsync = find(result, "rsync daemon")
    lines = [
        [
            entry["tool"], spread(entry, rate, whole), hundredths(ratio(median(entry, rate), median(rsync, rate))),
            spread(entry, cpu, hundredths), hundredths(ratio(median(entry, cpu), median(rsync, cpu))), state(entry),
        ]
        for entry in sorted(result["entries"], key=lambda e: -(median(e, rate) or 0))
    ]  # fmt: skip
    bars = []
    for tool in ("potluck", "potluck, custody on"):
        entry = find(result, tool)
        bars += [
            bar(result, f"{tool}: files a second, of the rsync daemon's", ratio(median(entry, rate), median(rsync, rate)), 1.1),
            bar(result, f"{tool}: CPU, of the rsync daemon's", ratio(median(entry, cpu), median(rsync, cpu)), most=1.2),
        ]
    bars += beside(result, "{}, of the other build's", [("files a second", rate), ("CPU, the other way round", lambda s: 1 / cpu(s))])
    head = ["tool", "files/s", "of rsync", "CPU s", "of rsync's", "remarks"]
    return f"{count:,} files of 1 KiB in folders of folders", head, lines, bars


def loss(result):
    speed = lambda s: result["size"] * 8 / s["seconds"] / 1e6
    lines, bars = [], []
    for entry in result["entries"]:
        at = [median(entry, speed, loss=permille) for permille in (0, 10, 50)]
        shown = [spread(entry, speed, lambda v: f"{v:.1f}", loss=permille) for permille in (0, 10, 50)]
        ratios = [hundredths(ratio(value, at[0])) for value in at[1:]]
        lines.append([entry["tool"], entry["congestion"], *shown, *ratios, state(entry)])
        if entry["tool"] == "potluck":
            for share, value, least in ((1, at[1], 0.95), (5, at[2], 0.85)):
                what = f"potluck's goodput at {share} % with {entry['congestion']}"
                bars.append(bar(result, what, ratio(value, at[0]), least))
    head = ["tool", "TCP", "Mbit/s, no loss", "1 % lost", "5 % lost", "1 % / none", "5 % / none", "remarks"]
    return f"Packet loss at 100 Mbit/s, {result['size'] // MIB} MiB", head, lines, bars


def holders(result):
    seconds = lambda s: s["seconds"]
    lines, bars = [], []
    for entry in result["entries"]:
        one, two = (median(entry, seconds, holders=n) for n in (1, 2))
        shown = [spread(entry, seconds, hundredths, holders=n) for n in (1, 2)]
        lines.append([entry["tool"], *shown, hundredths(ratio(one, two)), state(entry)])
        bars.append(bar(result, "two holders instead of one, how many times as fast", ratio(one, two), 1.8))
    head = ["tool", "one holder, s", "two holders, s", "times as fast", "remarks"]
    return f"{result['size'] // MIB} MiB from holders at 50 Mbit/s, to a taker at 100 Mbit/s", head, lines, bars


def crowd(result):
    size, lines, bars = result["size"], [], []
    percent = lambda v: f"{v * 100:.0f}"
    # What a frame of TCP over IPv4 carries besides its data, with time stamps.
    data = lambda s: (s["sent"] - 66 * s["frames"]) / size
    wire = lambda s: s["sent"] / size
    seconds, idle = (lambda s: s["seconds"]), (lambda s: s["idle"])
    for count, rate in sorted({(entry["peers"], entry["rate"]) for entry in result["entries"]}):
        potluck = find(result, "potluck", peers=count)
        ideal = size * 8 / rate / 1e6 / 0.95
        alone = median(potluck, seconds, takers=1)
        told = lambda entry, takers: [
            str(takers), str(rate), spread(entry, seconds, hundredths, takers=takers),
            spread(entry, lambda s: s["first"], hundredths, takers=takers).split(" ")[0],
            hundredths(ratio(median(entry, seconds, takers=takers), alone or ideal)),
            hundredths(median(entry, wire, takers=takers)), hundredths(median(entry, data, takers=takers)),
            spread(entry, idle, percent, takers=takers),
        ]  # fmt: skip
        lines.append(["(95 % of the line)", "1", str(rate), hundredths(ideal), *[""] * 6])
        if alone:
            lines.append(["potluck, alone", *told(potluck, 1), ""])
        there = [entry for entry in result["entries"] if entry["peers"] == count]
        for entry in sorted(there, key=lambda e: median(e, seconds, takers=count) or float("inf")):
            lines.append([entry["tool"], *told(entry, count), state(entry)])
        longest, most = (1.15, 1.2) if count <= 8 else (1.2, 1.3)
        last = ratio(median(potluck, seconds, takers=count), alone)
        bars.append(bar(result, f"potluck to {count} peers, of the time to one alone", last, most=longest))
        copies = median(potluck, wire, takers=count)
        bars.append(bar(result, f"copies that the owner sends to {count}, with all headers", copies, most=most))
    head = ["tool", "peers", "Mbit/s each", "the last, s", "the first, s", "of one alone"]
    head += ["owner sent, copies", "without headers", "% CPU idle", "remarks"]
    return f"{size // MIB} MiB to many at once", head, lines, bars


def tiny(result):
    ms = lambda s: s["seconds"] * 1e3
    lines, added = [], {}
    for entry in result["entries"]:
        alone, beside_it = (median(entry, ms, beside=what) for what in ("nothing", "a big one"))
        added[entry["tool"]] = None if alone is None or beside_it is None else beside_it - alone
        shown = [spread(entry, ms, whole, beside=what) for what in ("nothing", "a big one")]
        more = "" if added[entry["tool"]] is None else whole(added[entry["tool"]])
        lines.append([entry["tool"], *shown, more, state(entry)])
    bars = [bar(result, "potluck: milliseconds more beside a big file", added.get("potluck"), most=100)]
    head = ["tool", "alone, ms", "beside a big one, ms", "more, ms", "remarks"]
    return f"10 bytes while {result['size'] // MIB} MiB of the same owner are on their way, 100 Mbit/s", head, lines, bars


def takers(result):
    size, lines, bars = result["size"], [], []
    speed = lambda s: s["takers"] * size / s["seconds"] / 1e6
    for count in sorted({entry["peers"] for entry in result["entries"]}):
        tls = find(result, "nginx TLS 1.3, curl", peers=count)
        for entry in (find(result, "potluck", peers=count), tls):
            of_tls = ratio(median(entry, speed), median(tls, speed))
            lines.append([entry["tool"], str(count), spread(entry, speed, whole), hundredths(of_tls), entry["state"]])
        of_tls = ratio(median(find(result, "potluck", peers=count), speed), median(tls, speed))
        bars.append(bar(result, f"potluck to {count}, of nginx TLS 1.3 and curl's", of_tls, 1))
    head = ["tool", "takers", "MB/s, all together", "of nginx TLS", "remarks"]
    return f"{size // MIB} MiB to many at once, as fast as the machine can", head, lines, bars


def far(result):
    speed = lambda s: result["size"] * 8 / s["seconds"] / 1e6
    curl = median(find(result, "nginx TLS 1.3, curl"), speed)
    lines = [[entry["tool"], spread(entry, speed, hundredths), state(entry)] for entry in result["entries"]]
    bars = [bar(result, "potluck's speed, of nginx TLS 1.3 and curl's", ratio(median(find(result, "potluck"), speed), curl), 0.9)]
    return f"{result['size'] // MIB} MiB at 100 Mbit/s, 300 ms there and back", ["tool", "Mbit/s", "remarks"], lines, bars


def start(result):
    seconds, cpu, rss = (lambda s: s["seconds"]), (lambda s: s["cpu"]), (lambda s: s["rss"])
    lines = [
        [entry["tool"], entry.get("version", ""), *(spread(entry, of, hundredths) for of in (seconds, cpu)), spread(entry, rss, whole), state(entry)]
        for entry in result["entries"]
    ]  # fmt: skip
    bars = [bar(result, "potluck's resident set, MiB", median(find(result, "potluck"), rss), most=200)]
    head = ["tool", "version", "until all is looked at, s", "CPU s", "MiB", "remarks"]
    return f"A start with {result['count']:,} files that are known", head, lines, bars


def idle(result):
    cpu, wakes, rss = (lambda s: s["cpu"]), (lambda s: s["wakes"]), (lambda s: s["rss"])
    thousandths = lambda value: f"{value:.3f}"
    lines = [
        [
            entry["tool"], entry.get("version", ""), spread(entry, cpu, thousandths), spread(entry, wakes, hundredths),
            spread(entry, rss, whole), entry["samples"][-1]["whose"] if entry["samples"] else "", state(entry),
        ]
        for entry in result["entries"]
    ]  # fmt: skip
    potluck = find(result, "potluck")
    bars = [
        bar(result, "potluck: percent of a core", median(potluck, cpu), most=0.05),
        bar(result, "potluck: wake-ups a second", median(potluck, wakes), most=2),
        bar(result, "potluck: resident set, MiB", median(potluck, rss), most=20),
    ]
    head = ["tool", "version", "% of a core", "wake-ups/s", "MiB", "whose, /s", "remarks"]
    return "Nothing to do, alone on the network, ten files", head, lines, bars


TABLES = {"one-gib": one_gib, "many-small": many_small, "nested": nested, "loss": loss, "holders": holders, "crowd": crowd}
TABLES |= {"tiny": tiny, "takers": takers, "far": far, "start": start, "idle": idle}


def tidy(head, lines):
    """Without columns that say nothing."""
    keep = [n for n in range(len(head)) if any(line[n] for line in lines)]
    return [head[n] for n in keep], [[line[n] for n in keep] for line in lines]


def text(result):
    """A row for the terminal."""
    title, head, lines, bars = TABLES[result["row"]](result)
    head, lines = tidy(head, lines)
    widths = [max(len(line[n]) for line in [head, *lines]) for n in range(len(head))]
    shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in [head, *lines]]
    return "\n".join([title, *shown, *bars, *circumstances(result)]) + "\n"


def markdown(result):
    """A row for the document."""
    title, head, lines, bars = TABLES[result["row"]](result)
    head, lines = tidy(head, lines)
    table = [head, ["---"] * len(head), *lines]
    rows = ["| " + " | ".join(line) + " |" for line in table]
    return "\n".join([f"## {title}", "", *rows, "", *(f"- {line}" for line in bars), "", *circumstances(result)])


def void(result):
    """Its samples that say nothing, because the machine was busy otherwise or was the limit itself."""
    return [s for e in result["entries"] for s in e["samples"] if s["void"]]


def circumstances(result):
    """How often it was measured, under which load, and what is wrong with it."""
    load = "load average {:.2f} before and {:.2f} after".format(*result["load"])
    many = f"Medians of {result['rounds']}, with least and most" if result["rounds"] > 1 else "One round"
    told = [f"{many}; {load}."]
    if samples := void(result):
        why = f"other processes took up to {max(s['others'] for s in samples) * 100:.0f} % of a core meanwhile"
        if any("idle" in s for s in samples):
            why += f", and as little as {min(s['idle'] for s in samples if 'idle' in s) * 100:.0f} % of all was idle"
        told.append(f"**VOID: {why}.**")
    return told


WIDTH, NAME, LINE = 760, 170, 24
COLOURS = {"potluck": "#c2410c", "": "#64748b", "giver": "#94a3b8", "taker": "#475569"}


def chart(y, title, bars):
    """Horizontal bars: (name, [(colour, value)...], label)."""
    most = max((sum(value for _, value in parts) for _, parts, _ in bars), default=1) or 1
    out = [f'<text x="12" y="{y}" font-weight="bold">{html.escape(title)}</text>']
    for name, parts, label in bars:
        y += LINE
        weight = ' font-weight="bold"' if name == "potluck" else ""
        out.append(f'<text x="{NAME - 8}" y="{y}" text-anchor="end"{weight}>{html.escape(name)}</text>')
        x = float(NAME)
        for colour, value in parts:
            width = value / most * (WIDTH - NAME - 110)
            out.append(f'<rect x="{x:.1f}" y="{y - 13}" width="{width:.1f}" height="17" fill="{colour}"/>')
            x += width
        out.append(f'<text x="{x + 6:.1f}" y="{y}">{html.escape(label)}</text>')
    return y + 2 * LINE, out


def plot(results):
    """The picture: speed and CPU of the one file, the small files in memory, and the crowds."""
    y, out = 28, []
    mark = lambda result: " VOID" if void(result) else ""
    single = lambda name, value: (COLOURS["potluck" if name == "potluck" else ""], value)
    if "one-gib" in results:
        result = results["one-gib"]
        size = result["size"]
        speed = lambda s: size / s["seconds"] / 1e6
        there = sorted((e for e in result["entries"] if e["samples"]), key=lambda e: -median(e, speed))
        bars = [(e["tool"], [single(e["tool"], v := median(e, speed))], f"{v:,.0f}") for e in there]
        y, drawn = chart(y, f"One file of {size // MIB:,} MiB: MB/s (more is better){mark(result)}", bars)
        out += drawn
        bars = []
        for entry in there:
            giver, taker = (median(entry, lambda s: s[side]) * GIB / size for side in ("cpu_giver", "cpu_taker"))
            parts = [(COLOURS["giver"], giver), (COLOURS["taker"], taker)]
            bars.append((entry["tool"], parts, f"{giver + taker:.2f}"))
        y, drawn = chart(y, "CPU seconds a GiB (less is better); light: who gives, dark: who takes", bars)
        out += drawn
    if "many-small" in results:
        result = results["many-small"]
        rate = lambda s: result["count"] / s["seconds"]
        there = [e for e in result["entries"] if e["samples"] and e["place"] == "memory"]
        there.sort(key=lambda e: -median(e, rate))
        bars = [(e["tool"], [single(e["tool"], v := median(e, rate))], f"{v:,.0f}") for e in there]
        y, drawn = chart(y, f"{result['count']:,} files of 16 KiB: files a second (more is better){mark(result)}", bars)
        out += drawn
    for count in sorted({e["peers"] for e in results["crowd"]["entries"]}) if "crowd" in results else ():
        result = results["crowd"]
        last = lambda e: median(e, lambda s: s["seconds"], takers=count)
        there = [e for e in result["entries"] if e["peers"] == count and last(e)]
        bars = [(e["tool"], [single(e["tool"], v := last(e))], f"{v:,.1f}") for e in sorted(there, key=last)]
        title = f"{result['size'] // MIB} MiB to {count} at once: seconds until all have it (less is better){mark(result)}"
        y, drawn = chart(y, title, bars)
        out += drawn
    size = f'width="{WIDTH}" height="{y - LINE}" font-family="sans-serif" font-size="13"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    ground = '<rect width="100%" height="100%" fill="#ffffff"/>'
    return "\n".join([head, ground, *out, "</svg>"]) + "\n"
