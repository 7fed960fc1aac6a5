"""How long a moved knob of the Tune page takes in the browser: from the key that moves the slider to the new figure.

    python benchmarks/tune_page.py --url http://127.0.0.1:8501 --run RUN [--moves 40]

A server must be running on a workspace with the run. Prints the median and the 95th percentile in seconds.
"""

import argparse
import json
import time
from urllib.parse import quote

import numpy as np
from playwright.sync_api import Page, sync_playwright

BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
POLICIES = {
    "floors on popularity bands": ("exposure_limits", {"items_by": "popularity_band", "floor": 0.3}),
    "price guard": ("price_guard", {"band": 0.05}),
    "offers": ("deal_access", {"gap": 0.2}),
    "mirror the customer": ("calibrated", {"strength": 0.3}),
    "variety": ("xquad", {"strength": 0.3}),
}


def moves(page: Page, n: int) -> list[float]:
    """Seconds from each move of the first slider of the desk until the answer to it stands and nothing is left to draw.

    Every policy stands in the address, so a change of it tells that the move has arrived.
    """
    thumb = page.locator('[data-testid="stMain"] [data-testid="stSlider"] input').first
    found = []
    for number in range(n):
        before = page.url
        thumb.focus()
        start = time.perf_counter()
        page.keyboard.press("ArrowRight" if number % 8 < 5 else "ArrowLeft")
        page.wait_for_function(
            "before => location.href !== before"
            " && document.querySelector('[data-testid=\"stApp\"]').dataset.testScriptState === 'notRunning'"
            " && !document.querySelector('[data-stale=\"true\"]')",
            arg=before,
            polling=10,
            timeout=60_000,
        )
        found.append(time.perf_counter() - start)
        page.wait_for_timeout(200)
    return found


def main() -> None:
    """Measure each policy once cold and then knob by knob."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8501")
    parser.add_argument("--run", required=True)
    parser.add_argument("--by", required=True, help="user attribute")
    parser.add_argument("--moves", type=int, default=16, help="of each policy")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER)
        every: list[float] = []
        for name, (step, settings) in POLICIES.items():
            own = settings | ({"by": options.by} if step in ("price_guard", "deal_access") else {})
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            link = quote(json.dumps([[step, own]]))
            page.goto(f"{options.url}/tune?run={options.run}&by={options.by}&policy={link}")
            page.wait_for_selector('[data-testid="stMain"] h4', timeout=300_000)
            page.wait_for_timeout(3000)
            seconds = moves(page, options.moves)
            every += seconds
            print(
                f"{name}: median {np.median(seconds):.3f} s, 95 % within {np.quantile(seconds, 0.95):.3f} s"
            )
            page.close()
        print(
            f"all {len(every)}: median {np.median(every):.3f} s, 95 % within {np.quantile(every, 0.95):.3f} s"
        )


if __name__ == "__main__":
    main()
