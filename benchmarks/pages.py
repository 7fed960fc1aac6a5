"""How long a page takes in the browser when every filter is changed at once: until the answer stands, and until all is drawn.

    python benchmarks/pages.py --url http://127.0.0.1:8501 --run RUN [--rounds 5]

A server must be running on a workspace with a run on Complete Journey. Each round asks by the address for groups, a category, a
store, a period and a list length that no round asked for before, so no answer is kept from an earlier one.
"""

import argparse
import time
from urllib.parse import urlencode

import numpy as np
from playwright.sync_api import Page, sync_playwright

BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PAGES = ("exposure", "pricing", "service")
GROUPS = ("age", "income", "household_size", "kids_count", "home_ownership", "marital_status")
OWN = {
    "exposure": ("items", ("brand", "category", "price_band", "popularity_band")),
    "pricing": ("see", ("",)),
    "service": ("", ()),
}
SETTLED = (
    "document.querySelector('[data-testid=\"stApp\"]').dataset.testScriptState === 'notRunning'"
    " && !document.querySelector('[data-stale=\"true\"]')"
)


def asked(run: str, page: str, number: int, categories: list[str], stores: list[str]) -> str:
    """The address of one round."""
    values = {
        "run": run,
        "by": GROUPS[number % len(GROUPS)],
        "k": (5, 10, 20)[number % 3],
        "category": categories[number % len(categories)],
        "store": stores[number % len(stores)],
        "from": f"2017-{1 + number % 6:02d}-0{1 + number % 9}",
        "to": f"2017-{10 + number % 2}-1{number % 9}",
    }
    name, options = OWN[page]
    if options and options[0]:
        values[name] = options[number % len(options)]
    return f"/{page}?{urlencode(values)}"


def change(page: Page, address: str) -> tuple[float, float]:
    """Seconds until the first answer is another one, and until nothing is left to draw."""
    answer = page.locator('[data-testid="stMain"] [data-testid="stMarkdownContainer"]').nth(1)
    before = answer.inner_text() if answer.count() else ""
    start = time.perf_counter()
    page.evaluate(
        "to => { history.pushState({}, '', to); dispatchEvent(new PopStateEvent('popstate', {state: {}})) }",
        address,
    )
    page.wait_for_function(
        'before => { const all = document.querySelectorAll(\'[data-testid="stMain"] [data-testid="stMarkdownContainer"]\');'
        " return all.length > 1 && all[1].innerText !== before && !all[1].closest('[data-stale=\"true\"]') }",
        arg=before,
        polling=10,
        timeout=60_000,
    )
    first = time.perf_counter() - start
    page.wait_for_timeout(50)
    page.wait_for_function(SETTLED, polling=10, timeout=120_000)
    return first, time.perf_counter() - start


def main() -> None:
    """Open each page once, then change everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8501")
    parser.add_argument("--run", required=True)
    parser.add_argument("--categories", nargs="+", required=True)
    parser.add_argument("--stores", nargs="+", required=True)
    parser.add_argument("--pages", nargs="+", default=list(PAGES))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        for name in options.pages:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(f"{options.url}/{name}?run={options.run}")
            page.wait_for_selector('[data-testid="stMain"] h1', timeout=300_000)
            page.wait_for_timeout(1000)
            page.wait_for_function(SETTLED, polling=50, timeout=300_000)
            told = [
                change(page, asked(options.run, name, number, options.categories, options.stores))
                for number in range(1, options.rounds + 1)
            ]
            first, whole = np.median(np.array(told), axis=0)
            print(
                f"{name}: answer after {first:.2f} s, all drawn after {whole:.2f} s (median of {options.rounds})"
            )
            page.close()


if __name__ == "__main__":
    main()
