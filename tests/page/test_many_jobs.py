"""Five thousand jobs: quick to open, smooth to scroll, acted on at once."""

import time
from concurrent.futures import ThreadPoolExecutor

from scrolling import SCROLL
from world import within

USERS = 8
BATCH = 500


def _submit_many(world, wanted):
    """As many jobs, in batches that are cancelled at once, so that they don't queue for inspection."""
    def one(number):
        return world.submit(f"take {number:04d}", "1-24", f"user {number % USERS}")["id"]
    ids = []
    with ThreadPoolExecutor(6) as pool:
        for first in range(0, wanted, BATCH):
            batch = list(pool.map(one, range(first, min(first + BATCH, wanted))))
            # The last few are left as they are for the page to act on.
            ended = batch if first + BATCH < wanted else batch[:-20]
            for at in range(0, len(ended), 1000):
                reply = world.network.ask("POST", "/jobs/actions", {"action": "cancel", "jobs": ended[at:at + 1000]})
                assert not reply["refused"], reply["refused"][:3]
            ids += batch
    return ids


def test_many_jobs(world):
    began = time.monotonic()
    ids = _submit_many(world, world.options.jobs)
    world.measure("submit_all_ms", began)

    page = world.open("/#/", measure=True)
    page.wait_for_selector(".job .name a")
    world.since_opened("jobs_first_rows_ms", page)
    world.figures["jobs_first_paint_ms"] = round(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"))
    within(page, 60, f"Number(document.querySelector('.rows').getAttribute('aria-rowcount')) >= {len(ids)}")
    world.since_opened("jobs_all_read_ms", page)
    assert page.locator(".job").count() < 60, "rows that aren't on the screen are in the document"

    scrolled = page.evaluate(SCROLL, 6)
    world.figures["jobs_scroll"] = scrolled
    assert scrolled["elements_at_most"] < 100 and scrolled["blank_frames"]["after"] == 0, scrolled
    page.evaluate("scrollTo(0, 0)")

    # From the click to the box that is ticked, and from the last key to the rows that match.
    page.wait_for_timeout(400)
    world.figures["jobs_click_to_selected_ms"] = page.evaluate("""() => new Promise((done) => {
        const box = document.querySelector('.job input'); const began = performance.now();
        const look = () => (document.querySelector('.job.selected') ? done(Math.round(performance.now() - began)) : requestAnimationFrame(look));
        box.click(); look(); })""")
    began = time.monotonic()
    page.fill("[data-search]", "take 0042")
    within(page, 20, "document.querySelector('.found').textContent === '1 job'")
    world.measure("jobs_search_ms", began)
    page.fill("[data-search]", "")

    # All that match are cancelled at once, in requests of a thousand; those that are over already stay so.
    page.fill("[data-search]", "take ")
    within(page, 60, "document.querySelector('.found').textContent === '%s jobs'" % f"{len(ids):,}")
    within(page, 60, f"Number(document.querySelector('.rows').getAttribute('aria-rowcount')) === {len(ids)}")
    page.click(".job input >> nth=0")
    page.click("text=Select all")
    within(page, 20, "document.querySelector('.chosen b').textContent === '%s selected'" % f"{len(ids):,}")
    world.browser.shot(page, "many-selected")
    page.click(".chosen >> text=Cancel …")
    began = time.monotonic()
    page.click("dialog >> text=Cancel them")
    page.get_by_text(f"Cancelled {len(ids):,} jobs.").wait_for(timeout=120_000)
    world.measure("jobs_cancel_all_ms", began)
    assert all(world.status(job) == "cancelled" for job in ids[-20:])


def test_many_jobs_change_while_one_looks(world):
    """Events change rows in place: what the reader has before them stays."""
    page = world.open("/#/?search=take ")
    within(page, 60, "document.querySelectorAll('.job').length > 5")
    page.evaluate("document.querySelector('.job:nth-child(3)').marked = true")
    id = world.submit("another", "1-2", "dee")["id"]
    world.network.ask("POST", f"/jobs/{id}/cancel")
    page.wait_for_timeout(800)
    assert page.evaluate("document.querySelector('.job:nth-child(3)').marked"), "rows that didn't change were drawn again"
    assert page.locator(f'[data-job="{id}"]').count() == 0, "a job is shown that doesn't match"
