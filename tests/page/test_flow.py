"""One job from its submission to a claim, as somebody with the page open sees it."""

from network import Refused
from world import within

FRAMES = 6


def row(job):
    return f'[data-job="{job}"]'


def test_frames_appear_without_reloading(world):
    page = world.open("/#/")
    page.wait_for_selector("h1")
    page.evaluate("window.still = true")
    # What the name says must stay a text.
    world.job = world.submit("lamp <img src=x onerror=alert(1)>", f"1-{FRAMES}", "ada")["id"]
    page.wait_for_selector(row(world.job))
    assert page.locator(f"{row(world.job)} img").count() == 0
    page.click(f"{row(world.job)} .name a")
    page.wait_for_selector(".sheet .frame")
    seen = set()
    world.network.until("every frame's picture is on the sheet", lambda: seen.add(
        page.locator(".frame.accepted .picture img").count()) or FRAMES in seen)
    within(page, 20, "[...document.querySelectorAll('.picture img')].every((image) => image.naturalWidth > 0)")
    within(page, 20, "document.querySelector('.jobhead .state').textContent === 'completed'")
    assert page.evaluate("window.still"), "the page was loaded again"
    assert page.locator(".figure b").first.inner_text() == f"{FRAMES} / {FRAMES}"
    world.browser.shot(page, "flow-sheet")


def test_a_frame_opens_with_its_evidence(world):
    page = world.open(f"/#/jobs/{world.job}")
    page.click(".frame >> nth=0")
    dialog = page.locator("dialog.frameview")
    dialog.locator("h2").wait_for()
    assert dialog.locator("h2").inner_text() == "Frame 1"
    # A new worker's frames are all checked, so there is evidence.
    dialog.get_by_text("verified by vera").wait_for()
    dialog.locator("summary", has_text="Verification by vera").click()
    within(page, 30, """() => { const images = [...document.querySelectorAll('.evidence img')];
        return images.length === 3 && images.every((image) => image.complete && image.naturalWidth > 0); }""")
    page.keyboard.press("Escape")
    page.click(".frame >> nth=0")
    dialog.locator("h2").wait_for()
    page.keyboard.press("ArrowRight")
    within(page, 10, "document.querySelector('dialog h2').textContent === 'Frame 2'")
    assert page.evaluate("location.hash") == f"#/jobs/{world.job}/frames/2"
    page.keyboard.press("Escape")
    within(page, 20, "!document.querySelector('dialog') && location.hash.endsWith('/jobs/%d')" % world.job)


def test_the_film_plays(world):
    page = world.open(f"/#/jobs/{world.job}")
    page.click("[data-play]:enabled")
    page.wait_for_selector("dialog.film")
    # More than one frame has been shown, so it moves.
    page.evaluate("""() => { window.shown = new Set(); setInterval(() => window.shown.add(document.querySelector('.scrub')?.value), 10); }""")
    within(page, 20, f"window.shown.size === {FRAMES}")
    page.locator("canvas[role=img]").click()
    page.keyboard.press(" ")
    within(page, 20, "document.querySelector('.film .main').textContent.includes('Play')")
    still = page.locator(".scrub").input_value()
    page.wait_for_timeout(400)
    assert page.locator(".scrub").input_value() == still, "paused, it goes on"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    within(page, 10, "document.querySelector('.film output').textContent.startsWith('frame 2 ·')")
    colours = page.evaluate("""() => { const canvas = document.querySelector('.film canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const seen = new Set(); for (let i = 0; i < data.length; i += 4) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]); return seen.size; }""")
    assert colours > 100, f"the picture has {colours} colours"
    page.fill("#fps", "24")
    page.keyboard.press("Escape")
    within(page, 20, "!document.querySelector('dialog')")


def test_the_film_downloads(world):
    page = world.open(f"/#/jobs/{world.job}")
    with page.expect_download(timeout=90_000) as download:
        page.click("text=Film (MP4)")
    head = open(download.value.path(), "rb").read(12)
    assert head[4:8] == b"ftyp", f"not an MP4: {head!r}"


def test_a_claim_is_made(world):
    page = world.open(f"/#/jobs/{world.job}/frames/3")
    page.click("text=Claim that this frame is wrong")
    page.fill("#claim-comment", "the flame flickers")
    assert page.input_value("#claim-user") == "ada"
    page.click("text=Have the frame verified")
    page.wait_for_selector(".claimed.open")
    assert page.locator(".claimed blockquote").inner_text() == "the flame flickers"
    page.keyboard.press("Escape")
    page.wait_for_selector(".flag.claim")
    # Once is enough: it can't be claimed again.
    page.click('[data-frame="3"]')
    page.wait_for_selector(".claimed.open")
    assert page.locator("text=Claim that this frame is wrong").count() == 0


def test_a_failed_frame_says_why(world):
    job = world.submit("it fails", "1,900", "cy")["id"]
    world.failed_job = job
    page = world.open(f"/#/jobs/{job}")
    page.wait_for_selector(".frame.failed", timeout=120_000)
    page.click(".frame.failed")
    words = page.locator("dialog pre.log")
    words.wait_for()
    assert "it ends after 12 of 4096 bytes" in words.inner_text()
    page.keyboard.press("Escape")
    page.click(".choice >> text=Failed")
    within(page, 20, "document.querySelectorAll('.frame').length === 1")


def test_what_cannot_be_shown_is_said(world):
    world.browser.expect("404")
    page = world.open("/#/jobs/999999")
    page.get_by_text("The manager says no").wait_for()
    try:
        world.network.ask("GET", "/jobs/999999")
        raise AssertionError("that job is there")
    except Refused as refused:
        assert refused.status == 404
