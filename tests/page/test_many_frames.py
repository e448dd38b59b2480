"""A job of five thousand frames: quick to open, smooth to scroll."""

from scrolling import SCROLL
from world import within


def test_many_frames(world):
    frames = world.options.frames
    job = world.submit("a long shot", f"1-{frames}", "eve", percentage=10)["id"]
    network = world.network
    network.until("the scene was looked at", lambda: network.ask("GET", f"/jobs/{job}")["counts"]["all"] == frames)
    network.until("a few of its frames are verified", lambda: network.ask("GET", f"/jobs/{job}")["counts"]["accepted"] >= 3, 180)
    network.ask("POST", f"/jobs/{job}/cancel")
    world.long_job = job

    page = world.open(f"/#/jobs/{job}", measure=True)
    page.wait_for_selector(".frame")
    world.since_opened("frames_first_cards_ms", page)
    within(page, 60, "document.querySelector('.frame').getAttribute('aria-setsize') === '%d'" % frames)
    world.since_opened("frames_all_read_ms", page)
    assert page.locator(".frame").count() < 150, "cards that aren't on the screen are in the document"
    scrolled = page.evaluate(SCROLL, 6)
    world.figures["frames_scroll"] = scrolled
    assert scrolled["elements_at_most"] < 250 and scrolled["blank_frames"]["after"] == 0, scrolled

    world.figures["frame_click_to_dialog_ms"] = page.evaluate("""() => new Promise((done) => {
        const card = [...document.querySelectorAll('.frame button')].find((one) => one.getBoundingClientRect().top > 200);
        const began = performance.now();
        const look = () => (document.querySelector('dialog h2') ? done(Math.round(performance.now() - began)) : requestAnimationFrame(look));
        card.click(); look(); })""")
    page.keyboard.press("Escape")
    # The keyboard reaches every frame, and each says which one it is of how many.
    page.keyboard.press("End")
    within(page, 20, "document.activeElement?.dataset.frame === '%d'" % frames)
    assert page.evaluate("document.activeElement.closest('li').getAttribute('aria-posinset')") == str(frames)
    page.keyboard.press("Home")
    within(page, 20, "document.activeElement?.dataset.frame === '1'")
    page.keyboard.press("j")
    within(page, 20, "Number(document.activeElement?.dataset.frame) > 1")
