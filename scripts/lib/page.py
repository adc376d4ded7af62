"""The owner's page, with a folder of 10,000 files in it (scripts/measure page)."""

import statistics

from browser import Browser
from lab import Failed, Peer, fill, netlab, until

COUNT = 10_000

# Clicks on these words, and tells how many milliseconds pass until a row of that folder was painted: what is put into
# the document in one frame is seen at the begin of the next but one.
ENTER = """
    const all = [...document.querySelectorAll('main *')].filter((it) => /^many\\/?$/.test(it.textContent.trim()));
    const shows = () => [...document.querySelectorAll('.rows > *')].some((row) => row.textContent.includes('some file'));
    const began = performance.now();
    all.at(-1).click();
    while (!shows()) await new Promise((next) => { requestAnimationFrame(next); });
    await new Promise((next) => { requestAnimationFrame(() => requestAnimationFrame(next)); });
    return performance.now() - began"""

# When the first row was in the document, in milliseconds after the page was asked for.
FIRST = """
    new MutationObserver((_, it) => {
      if (!document.querySelector('.rows > *')) return;
      window.firstRow = performance.now();
      it.disconnect();
    }).observe(document, { childList: true, subtree: true })"""

# Tasks of the page that took 50 ms and more, from now on.
WATCH = """
    window.tasks = [];
    new PerformanceObserver((list) => { tasks.push(...list.getEntries().map((it) => it.duration)); }).observe({ type: 'longtask' });
    return null"""


# Scrolls by a step, and waits until that is painted.
STEP = """
    scrollBy({ top: 90 });
    await new Promise((next) => { requestAnimationFrame(() => requestAnimationFrame(next)); });
    return scrollY"""

# What Chromium itself says that a page took, in seconds since it was opened.
WORK = ("ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


def page(table, work, quick):
    for n in range(COUNT):
        fill(f"{work}/owner/shared/many/some file {n}.txt", 10)
    netlab("up", 2)
    owner, viewer = Peer(1, f"{work}/owner"), Peer(2, f"{work}/viewer")
    until("known", lambda: viewer.files() == COUNT, 600, every=0.1)
    browser = Browser(2, f"{work}/browser")
    try:
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=FIRST)
        painted, opened, entered = [], [], []
        for _ in range(3 if quick else 20):
            browser.open(viewer)
            painted.append(browser.run("return performance.getEntriesByName('first-contentful-paint')[0].startTime"))
            opened.append(browser.run("return firstRow"))
            entered.append(browser.run(ENTER))
        table("the page, first paint", milliseconds(painted), "<= 300 ms")
        table("  until it has its first rows", milliseconds(opened), "<= 200 ms")
        table(f"  a folder of {COUNT} files, first rows", milliseconds(entered), "<= 200 ms")
        scroll(table, browser, quick)
        if complaints := browser.complaints():
            raise Failed(f"measure: the page complains: {complaints}")
    finally:
        browser.end()
    for peer in (owner, viewer):
        peer.end()


def milliseconds(times):
    return f"{statistics.median(times):.0f} ms, worst {max(times):.0f}"


def worked(browser):
    """Milliseconds of script, style and layout for one step of scrolling, the frames until it is painted included."""
    before = metrics(browser)
    browser.run(STEP)
    return (metrics(browser) - before) * 1000


def metrics(browser):
    told = browser.cdp("Performance.getMetrics")["metrics"]
    return sum(each["value"] for each in told if each["name"] in WORK)


def scroll(table, browser, quick):
    """As a finger does it, fast, and then by leaps to far places."""
    browser.run(WATCH)
    pixels = 20_000 if quick else 100_000
    before = browser.run("return scrollY")
    browser.cdp("Input.synthesizeScrollGesture", x=640, y=600, yDistance=-pixels, speed=8_000)
    moved = browser.run("return scrollY") - before
    leaps = """
        for (let n = 0; n < 50; n += 1) {
          scrollTo({ top: (n * 0.381966 % 1) * document.documentElement.scrollHeight });
          await new Promise((next) => { requestAnimationFrame(() => requestAnimationFrame(next)); });
        }
        return tasks"""
    tasks = browser.run(leaps)
    what = f"{len(tasks)}, longest {max(tasks):.0f} ms" if tasks else "none"
    table(f"  scrolled by {moved:.0f} pixels and 50 leaps: long tasks", what, "none above 50 ms")
    browser.run("scrollTo({ top: 0 }); return null")
    browser.cdp("Performance.enable")
    frames = sorted(worked(browser) for _ in range(240))
    took = f"{frames[len(frames) // 2]:.1f} ms, 95 of 100 within {frames[len(frames) * 95 // 100]:.1f}, worst {frames[-1]:.1f}"
    table("  script, style and layout of a step of scrolling", took, "<= 16 ms")
    nodes = browser.run("return document.querySelectorAll('main *').length")
    table("  elements in the page meanwhile", f"{nodes}", "<= 2000")
