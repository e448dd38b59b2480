"""Cancel, retry and priority, of one job and of several."""

from world import within


def row(job):
    return f'[data-job="{job}"]'


def test_cancel_and_retry_of_a_job(world):
    job = world.submit("to be cancelled", "1-40", "ada", priority=-1)["id"]
    page = world.open(f"/#/jobs/{job}")
    page.click("text=Cancel …")
    page.click("dialog >> text=Go on rendering")
    assert world.status(job) in ("inspecting", "active")
    page.click("text=Cancel …")
    page.click("dialog >> text=Cancel it")
    page.wait_for_selector(".jobhead .state.cancelled")
    assert world.status(job) == "cancelled"
    # A job that was ended before its scene was looked at begins with that again.
    page.click(".jobhead >> text=Retry")
    page.wait_for_selector(".jobhead .state:is(.inspecting, .active)")
    page.click("text=Priority −1")
    page.fill("#asked", "7")
    page.click("dialog >> text=Set it")
    page.wait_for_selector("text=Priority 7 …")
    page.click("text=Cancel …")
    page.click("dialog >> text=Cancel it")
    page.wait_for_selector(".jobhead .state.cancelled")
    assert world.network.ask("GET", f"/jobs/{job}")["priority"] == 7


def test_selecting_and_what_was_refused(world):
    """Of what is selected, what can't be done is said, and the rest is done."""
    ids = [world.submit(f"batch {n}", "1-40", "bo")["id"] for n in range(5)]
    for job in ids:
        if job != ids[2]:
            world.network.ask("POST", f"/jobs/{job}/cancel")
    page = world.open("/#/?search=batch")
    page.wait_for_selector(row(ids[0]))
    page.click(f"{row(ids[4])} input")
    page.click(f"{row(ids[0])} input", modifiers=["Shift"])
    within(page, 20, "document.querySelector('.chosen b').textContent === '5 selected'")
    page.click(".chosen >> text=Retry")
    note = page.locator(".said.bad")
    note.wait_for()
    text = note.inner_text()
    assert "Trying again: 4 jobs. 1 was refused." in text, text
    assert str(ids[2]) in text, text
    page.click(".chosen >> text=Cancel …")
    page.click("dialog >> text=Cancel them")
    page.get_by_text("Cancelled 5 jobs.").wait_for()
    for job in ids:
        page.wait_for_selector(f"{row(job)} .state.cancelled")
        assert world.status(job) == "cancelled"
