"""The manager goes away in the middle: the page says so, keeps what it shows, and recovers."""

from world import within


def test_the_manager_goes_away_and_comes_back(world):
    world.browser.expect("ERR_", "api/v1", "net::")
    list_page = world.open("/#/")
    list_page.wait_for_selector(".job")
    job_page = world.open(f"/#/jobs/{world.job}")
    job_page.wait_for_selector(".frame.accepted img")
    network_page = world.open("/#/network")
    network_page.wait_for_selector(".board")
    world.network.kill("manager")
    for page in (list_page, job_page, network_page):
        page.get_by_text("The manager does not answer.").wait_for(timeout=30_000)
    world.browser.shot(list_page, "away")
    network_page.wait_for_timeout(6000)
    for page, shown in ((list_page, ".job"), (job_page, ".frame.accepted img"), (network_page, ".board")):
        assert page.locator(shown).count(), f"what was shown is gone: {shown}"
    # What is done meanwhile is refused with a sentence, and the page stays.
    list_page.click(".job input >> nth=0")
    list_page.click(".chosen >> text=Retry")
    list_page.locator(".said.bad", has_text="The manager does not answer").wait_for()
    world.network.manager()
    for page in (list_page, job_page, network_page):
        within(page, 60, "document.getElementById('away').hidden && document.getElementById('live').classList.contains('on')")
    late = world.submit("after it came back", "1-2", "ada")["id"]
    world.network.ask("POST", f"/jobs/{late}/cancel")
    list_page.wait_for_selector(f'[data-job="{late}"] .state.cancelled', timeout=30_000)
