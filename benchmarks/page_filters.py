"""How long a page takes in the browser once every filter is changed: from the last change to the new figures.

    python benchmarks/page_filters.py --url http://127.0.0.1:8501 --workspace DIR --run RUN [--pages exposure,pricing]

A server must be running on the workspace. Each page is opened with every filter changed; then one filter after another is
changed with the mouse, each time to a view that the server has not seen since it started. Prints the median and the 95th
percentile of the seconds until the first new figure stands and until nothing is left to draw, over all changes and of each
filter, and how busy the machine was.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import count, cycle
from urllib.parse import quote, urlencode

import numpy as np
from playwright.sync_api import Page, sync_playwright
from sections import CATEGORIES, STORES, every_filter_changed, largest
from tune_page import BROWSER

from core.data.dataset import load
from core.figures.text import spoken
from core.schema.settings import Scope
from core.schema.tables import CATEGORY, CHANNEL
from core.store.workspace import Workspace
from core.workflow.audits.shop import Shop, read_shop
from core.workflow.runs import load_run

DRAWN = "JSON.stringify(document.querySelector('.js-plotly-plot')?.data?.map(trace => [trace.x, trace.name]))"
SETTLED = (
    "location.href !== window.hrefBefore"
    " && document.querySelector('[data-testid=\"stApp\"]').dataset.testScriptState === 'notRunning'"
    " && !document.querySelector('[data-stale=\"true\"]')"
)
PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
TARGET = "Each group should get"  # asked on Exposure alone, which begins with the last of these
TARGETS = ("equal shares", "share of the catalogue", "share of purchases (merit)")
Ready = Callable[[Page], Callable[[], None]]  # gets everything ready, and gives back the change itself


def picked(label: str, option: str) -> tuple[str, Ready]:
    """One option of a list to choose from."""

    def ready(page: Page) -> Callable[[], None]:
        box = page.get_by_role("combobox", name=label, exact=True)
        box.click()
        box.fill(option)
        found = page.get_by_role("option", name=option, exact=True)
        found.wait_for()
        return found.click

    return label, ready


def began(day: date) -> tuple[str, Ready]:
    """The first day of the period, in the month that is chosen already."""

    def ready(page: Page) -> Callable[[], None]:
        page.get_by_role("button", name="Choose date").first.click()
        found = page.get_by_role("button", name=f"{day:%A, %B} {day.day}, {day.year}")
        found.wait_for()
        return found.click

    return "From", ready


def changes(page: str, shop: Shop, scope: Scope) -> Iterator[tuple[str, Ready]]:
    """One filter after another, without an end; no view comes twice."""
    categories, stores = iter(largest(shop, CATEGORY)[CATEGORIES:]), iter(largest(shop, CHANNEL)[STORES:])
    groups, targets = cycle([*shop.dataset.attributes[1:], shop.dataset.attributes[0]]), cycle(TARGETS)
    for number in count(1):
        yield picked("Categories", next(categories))
        if shop.stores:
            yield picked("Stores", next(stores))
        yield began(scope.start + timedelta(days=number))
        yield picked("Group users by", spoken(next(groups)))
        if page == "exposure":
            yield picked(TARGET, next(targets))


def seconds(page: Page, ready: Ready) -> tuple[float, float]:
    """From a change until the first new figure stands, and until nothing is left to draw.

    Every filter stands in the address. A figure that the change does not touch stands when all does.
    """
    change = ready(page)
    page.evaluate(f"window.hrefBefore = location.href, window.drawnBefore = {DRAWN}")
    start = time.perf_counter()
    change()
    found = []
    for there in (f"{DRAWN} !== window.drawnBefore || {SETTLED}", SETTLED):
        page.wait_for_function(f"() => {there}", polling=10, timeout=60_000)
        page.evaluate(PAINTED)
        found.append(time.perf_counter() - start)
    page.keyboard.press("Escape")  # a list of several options stays open
    page.wait_for_timeout(500)
    return found[0], found[1]


def measured(page: Page, name: str, shop: Shop, address: str, n: int) -> list[tuple[str, float, float]]:
    """The filter and the seconds of each change of one page."""
    scope = every_filter_changed(shop)
    link = {
        "from": scope.start.replace(day=2),
        "to": scope.end,
    }  # so that the calendar shows the days to come
    for key, values in (("category", scope.categories), ("store", scope.stores)):
        link |= {key: "|".join(quote(value, safe=" ") for value in values)} if values else {}
    page.goto(f"{address}/{name}?{urlencode(link)}")
    page.wait_for_selector(".js-plotly-plot", timeout=300_000)
    page.wait_for_timeout(8000)
    asked = changes(name, shop, scope.model_copy(update={"start": link["from"]}))
    return [(label, *seconds(page, ready)) for label, ready in (next(asked) for _ in range(n))]


def told(name: str, found: list[tuple[float, float]]) -> None:
    first, all_ = (
        f"{np.median(each):.2f} s, 95 % within {np.quantile(each, 0.95):.2f} s"
        for each in zip(*found, strict=True)
    )
    print(f"{name}: {len(found)} changes; first figure {first}; everything {all_}")


def main() -> None:
    """Measure each page, over all changes and of each filter."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8501")
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--pages", default="exposure,pricing")
    parser.add_argument("--changes", type=int, default=15, help="of each page")
    options = parser.parse_args()
    with closing(Workspace.open(options.workspace)) as workspace:
        shop = read_shop(workspace, load(workspace, load_run(workspace, options.run).dataset))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        for name in options.pages.split(","):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            found = measured(page, name, shop, options.url, options.changes)
            told(name, [took for _, *took in found])
            for label in dict.fromkeys(label for label, *_ in found):
                told(f"  {label}", [took for own, *took in found if own == label])
            page.close()
    print("load of the machine, 1, 5 and 15 minutes: {:.1f}, {:.1f}, {:.1f}".format(*os.getloadavg()))


if __name__ == "__main__":
    main()
