"""What the tests share: the network, the browser, the scene, and what was measured."""

import time
from pathlib import Path


class World:
    def __init__(self, network, browser, scene, options):
        self.network, self.browser, self.scene, self.options = network, browser, scene, options
        self.figures = {"jobs": options.jobs, "frames": options.frames}
        self.pages = []
        self.job = None

    def open(self, path="/#/", **more):
        page = self.browser.open(path, **more)
        self.pages.append(page)
        return page

    def submit(self, name, frames, user, **more):
        return self.network.submit(self.scene, name, frames, user, **more)

    def status(self, job):
        return self.network.ask("GET", f"/jobs/{job}")["status"]

    def measure(self, name, began):
        """Keeps milliseconds since `began` (time.monotonic)."""
        self.figures[name] = round((time.monotonic() - began) * 1000)

    def since_opened(self, name, page):
        """Keeps milliseconds since the page was asked for, by the browser's own clock."""
        self.figures[name] = round(page.evaluate("performance.now()"))

    def close_pages(self):
        for page in self.pages:
            page.context.close()
        self.pages = []

    def shot_of_failure(self, name):
        if self.options.shots and self.pages:
            Path(self.options.shots).mkdir(parents=True, exist_ok=True)
            try:
                self.pages[-1].screenshot(path=Path(self.options.shots) / f"FAILED-{name}.png")
            except Exception as error:  # noqa: BLE001 – the failure itself is what counts
                print(f"      (no picture of it: {error})")


def within(page, seconds, script):
    """Waits until a piece of JavaScript is true in the page, whose policy lets nothing be evaluated from inside."""
    end = time.monotonic() + seconds
    while True:
        if page.evaluate(script):
            return
        assert time.monotonic() < end, f"after {seconds} s still not: {script}"
        page.wait_for_timeout(50)
