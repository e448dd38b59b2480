"""A headless Chromium that looks at the page, and remembers everything that goes wrong in it."""

import mimetypes
import re
from pathlib import Path

from playwright.sync_api import sync_playwright

SIZES = {"desk": (1440, 900), "phone": (390, 844)}

# Long frames and long tasks, as the browser itself counts them.
MEASURE = """
window.candelaLong = { frames: [], tasks: 0 };
let before = 0;
const tick = (now) => {
  if (before) { const ms = now - before; if (ms > 50) window.candelaLong.frames.push(Math.round(ms)); }
  before = now;
  requestAnimationFrame(tick);
};
requestAnimationFrame(tick);
new PerformanceObserver((list) => { window.candelaLong.tasks += list.getEntries().length; }).observe({ type: 'longtask' });
"""


class Browser:
    """`assets` is a folder whose files take the place of the program's own."""

    def __init__(self, url, chromium, assets=None, shots=None):
        self.url, self.assets = url, assets and Path(assets)
        self.shots = shots and Path(shots)
        self.wrong = []
        self.allowed = []
        self._driver = sync_playwright().start()
        self._browser = self._driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--force-color-profile=srgb"],
        )

    def open(self, path="/#/", theme="dark", size="desk", measure=False, **more):
        """A page in a context of its own."""
        width, height = SIZES[size]
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, has_touch=size == "phone", **more,
        )
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: message.type in ("error", "warning") and self._note(message.text, message.location.get("url", "")))
        page.on("pageerror", lambda error: self._note(str(error), "page"))
        page.on("requestfailed", lambda request: self._elsewhere(request.url))
        if self.assets:
            page.route(re.compile(r"/(assets/.*|api|)$"), self._own_file)
        if measure:
            page.add_init_script(MEASURE)
        page.goto(self.url + path)
        return page

    def expect(self, *patterns):
        """Console messages that belong to what is being tried, until `expect()`."""
        self.allowed = [re.compile(pattern) for pattern in patterns]

    def _note(self, text, where):
        if not any(pattern.search(text) or pattern.search(where) for pattern in self.allowed):
            self.wrong.append(f"{where}: {text}")

    def _elsewhere(self, url):
        if not url.startswith((self.url, "blob:", "data:")):
            self.wrong.append(f"asked for {url}, which is elsewhere")

    def _own_file(self, route):
        path = route.request.url.split("#")[0].removeprefix(self.url)
        name = {"/": "index.html", "/api": "api.html"}.get(path, path.removeprefix("/assets/"))
        file = self.assets / name
        if not file.exists():
            return route.fallback()
        # As the manager sends it, but for the text.
        policy = (Path(__file__).resolve().parents[2] / "crates/api/src/page.rs").read_text()
        policy = re.search(r'POLICY: &str = "(.*?)";', policy, re.S)[1].replace("\\\n", "")
        kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0]
        return route.fulfill(body=file.read_text(), headers={
            "content-type": f"{kind}; charset=utf-8", "cache-control": "no-cache",
            "content-security-policy": re.sub(r"\s+", " ", policy),
        })

    def shot(self, page, name, full=False):
        """Keeps a picture, if somebody wants to look at them."""
        if self.shots:
            self.shots.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=self.shots / f"{name}.png", full_page=full, animations="disabled")

    def close(self):
        self._browser.close()
        self._driver.stop()
