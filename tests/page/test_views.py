"""Every view in both colours and at the width of a phone: no serious finding of axe, nothing cut off."""

import re

from axe_playwright_python.sync_playwright import Axe
from world import within

LOOKS = [("dark", "desk"), ("light", "desk"), ("dark", "phone"), ("light", "phone")]
CHECKED = [("dark", "desk"), ("light", "phone")]


def click(*texts):
    def steps(page):
        for text in texts:
            page.click(text)
    return steps


def evidence(page):
    page.locator("summary", has_text="Verification by vera").first.click()
    within(page, 30, "[...document.querySelectorAll('.evidence img')].length && [...document.querySelectorAll('.evidence img')].every((image) => image.complete)")


def new_token(page):
    page.fill("input[placeholder='ada’s laptop']", "Ada’s laptop")
    page.fill("input[placeholder='ada']", "ada")
    page.click("text=Make a token")
    page.wait_for_selector(".secret")


def new_ticket(page):
    page.click("text=Lend a machine")
    page.click("button:has-text('Make a ticket')")
    page.wait_for_selector(".secret")


def views(world):
    """Name, address, what shows that it is there, what is done first."""
    job, failed = world.job, world.failed_job
    return [
        ("jobs", "/#/", ".job", None),
        ("jobs-selected", "/#/", ".job", click(".job input >> nth=0", ".job input >> nth=1")),
        ("jobs-none", "/#/?search=no such name", ".empty", None),
        ("job", f"/#/jobs/{job}", ".frame img", None),
        ("frame", f"/#/jobs/{job}/frames/1", "dialog .receipt", evidence),
        ("frame-claim", f"/#/jobs/{job}/frames/2", "dialog .receipt", click("text=Claim that this frame is wrong")),
        ("frame-failed", f"/#/jobs/{failed}/frames/900", "dialog pre.log", None),
        ("film", f"/#/jobs/{job}/film", "dialog.film", click(".film .main")),
        ("nodes", "/#/nodes", ".node", None),
        ("nodes-join", "/#/nodes", ".node", new_ticket),
        ("node", "/#/nodes", ".node", click(".node >> nth=0")),
        ("network", "/#/network", ".board", None),
        ("account", "/#/account", ".board form", new_token),
        ("keys", f"/#/jobs/{failed}", ".frame", lambda page: page.keyboard.press("?")),
        ("api", "/api", ".operation", None),
    ]


def findings(page):
    found = Axe().run(page).response["violations"]
    return [f"{one['id']} ({one['impact']}): {node['target']} {node.get('failureSummary', '')[:300]}"
            for one in found if one["impact"] in ("serious", "critical") for node in one["nodes"][:3]]


def test_every_view(world):
    wrong = []
    looks = LOOKS if world.options.shots else CHECKED
    for theme, size in looks:
        for name, path, there, first in views(world):
            page = world.open(path, theme=theme, size=size)
            page.wait_for_selector(there)
            if first:
                first(page)
            page.wait_for_timeout(700)
            world.browser.shot(page, f"{name}-{theme}-{size}")
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if wide > 0:
                wrong.append(f"{name} is {wide} px too wide on a {size}")
            if (theme, size) in CHECKED:
                wrong += [f"{name}, {theme}, {size}: {text}" for text in findings(page)]
            world.close_pages()
    assert not wrong, "\n  ".join(["", *wrong])


def test_the_keyboard_is_enough(world):
    page = world.open("/#/")
    page.wait_for_selector(".job")
    page.keyboard.press("/")
    page.keyboard.type("lamp")
    within(page, 10, "document.querySelectorAll('.job').length === 1")
    page.keyboard.press("Escape")
    assert page.evaluate("document.querySelector('[data-search]').value") == "lamp", "the words stay"
    page.keyboard.press("j")
    page.keyboard.press(" ")
    within(page, 20, "document.activeElement.getAttribute('aria-selected') === 'true'")
    page.keyboard.press("Escape")
    within(page, 20, "document.querySelector('.chosen').hidden")
    page.keyboard.press("Enter")
    page.wait_for_selector(".frame img")
    page.keyboard.press("j")
    page.keyboard.press("l")
    page.keyboard.press("ArrowRight")
    within(page, 20, "document.activeElement.dataset.frame === '2'")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog h2")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("n")
    page.wait_for_selector(".node")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_text("What it is").wait_for()
    page.keyboard.press("Escape")


def test_what_is_current_stays_while_another_search_is_read(world):
    jobs = [world.submit("before", "1-2", "bo")["id"]]
    page = world.open("/#/")
    page.wait_for_selector(".job")
    page.keyboard.press("/")
    page.keyboard.type("lamp")
    within(page, 20, "document.querySelectorAll('.job').length === 1")
    # From now on answers wait; what happens meanwhile is told all the same.
    page.evaluate("""() => { const real = window.fetch; const held = new Promise((go) => { window.letGo = go; });
        window.fetch = async (...it) => { if (String(it[0]).includes('/jobs?')) await held; return real(...it); }; }""")
    page.keyboard.press("Control+a")
    page.keyboard.press("Backspace")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press(" ")
    selected = "document.activeElement.getAttribute('aria-selected') === 'true'"
    within(page, 20, selected)
    within(page, 20, "location.hash === '#/'")
    jobs.append(world.submit("meanwhile", "1-2", "bo")["id"])
    within(page, 20, "document.querySelectorAll('.job').length === 2")
    assert page.evaluate(selected), "the focus was lost before the answer came"
    page.evaluate("window.letGo()")
    within(page, 20, "document.querySelectorAll('.job').length > 2")
    assert page.evaluate(selected), "the focus was lost with the answer"
    for job in jobs:
        world.network.ask("POST", f"/jobs/{job}/cancel")


def test_who_goes_elsewhere_as_a_frame_closes_gets_there(world):
    page = world.open(f"/#/jobs/{world.job}/frames/2")
    page.wait_for_selector("dialog h2")
    # Browsers tell of the closed dialog before or after they tell of the new address; here before, always.
    page.evaluate("""() => { const dialog = document.querySelector('dialog');
        location.hash = '#/nodes'; dialog.dispatchEvent(new Event('close')); }""")
    page.wait_for_selector(".node")
    assert page.evaluate("location.hash") == "#/nodes"


def test_the_colours_are_remembered(world):
    page = world.open("/#/", theme="light")
    page.wait_for_selector(".job")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.click("#theme")
    dark = page.evaluate(ground)
    assert light != dark
    page.reload()
    page.wait_for_selector(".job")
    assert page.evaluate(ground) == dark
    page.goto(world.browser.url + "/api")
    page.wait_for_selector(".operation")
    assert page.evaluate(ground) == dark


def test_a_guest_with_a_token(world):
    """From elsewhere a token is asked for; what one may do follows from it."""
    world.network.ask("POST", f"/jobs/{world.submit('of a guest', '1-2', 'bo')['id']}/cancel")
    made = world.network.ask("POST", "/tokens", {"name": "bo at home", "user": "bo", "scopes": ["read", "submit"]})
    world.browser.expect("401", "403")
    # A request that somebody passed on doesn't count as the manager's own machine's.
    page = world.open("/#/", extra_http_headers={"x-forwarded-for": "192.0.2.7"})
    page.wait_for_selector("#token")
    world.browser.shot(page, "token-dark-desk")
    page.fill("#token", "wrong")
    page.click("text=Open")
    page.wait_for_selector(".token .bad:not(:empty)")
    page.fill("#token", made["token"])
    page.click("text=Open")
    page.wait_for_selector(".job")
    # One's own first, whatever came after them.
    within(page, 10, "document.querySelector('.job .mine')?.textContent === 'yours'")
    page.click(".job .name a >> nth=0")
    page.wait_for_selector(".jobhead h1")
    within(page, 10, "document.querySelector('.jobhead .about').textContent.includes('· bo ·')")
    assert page.locator(".jobhead >> text=Retry").count() == 1
    page.goto(f"{world.browser.url}/#/jobs/{world.failed_job}")
    within(page, 10, "document.querySelector('.jobhead .about')?.textContent.includes('· cy ·')")
    assert page.locator(".jobhead >> text=Retry").count() == 0, "another's job can be retried"
    page.goto(f"{world.browser.url}/#/account")
    page.get_by_role("heading", name="bo").wait_for()
    assert page.locator("text=Make a token").count() == 0
    world.network.ask("DELETE", f"/tokens/{made['info']['id']}")
    page.goto(f"{world.browser.url}/#/nodes")
    page.wait_for_selector("#token")
    within(page, 20, "document.querySelector('.token .bad').textContent.length > 10")


def test_tokens_are_made_and_taken_back(world):
    page = world.open("/#/account")
    page.fill("input[placeholder='ada’s laptop']", "render script")
    page.fill("input[placeholder='ada']", "ada")
    page.click("text=Make a token")
    token = page.input_value(".secret")
    assert len(token) >= 20, token
    page.get_by_role("button", name="Take the token render script back").click()
    page.click("dialog >> text=Take it back")
    page.get_by_text("The token “render script” is taken back.").wait_for()
    rows = page.locator("tr", has_text="render script")
    assert rows.count() == 1 and "taken back" in rows.inner_text()
    page.reload()
    page.wait_for_selector("tr:has-text('render script')")
    assert token not in page.content(), "the token is shown again"


def test_nodes_are_found(world):
    page = world.open("/#/nodes")
    page.wait_for_selector(".node")
    page.fill("[data-search]", "VERA")
    within(page, 20, "document.querySelectorAll('.node').length === 1")
    page.fill("[data-search]", "")
    page.click(".choice >> text=Verifiers")
    within(page, 20, "document.querySelectorAll('.node').length === 1 && document.querySelector('.node b').textContent === 'vera'")


def test_the_network_in_figures(world):
    page = world.open("/#/network")
    page.get_by_role("region", name="Managers").get_by_text("leads").wait_for()
    nodes = page.get_by_role("region", name="Nodes").inner_text()
    assert re.search(r"2 / 2\s+connected", nodes), nodes
    accepted = world.network.ask("GET", "/network")["frames"]["accepted"]
    assert accepted >= 6
    within(page, 15, f"document.querySelector('[aria-label=Frames]').textContent.includes('{accepted}verified')")


def test_the_api_is_described(world):
    page = world.open("/api")
    page.wait_for_selector(".operation")
    described = world.network.ask("GET", "/openapi.json")
    count = sum(len(set(item) & {"get", "post", "put", "delete", "patch"}) for item in described["paths"].values())
    assert page.locator(".operation").count() == count
    page.fill("[data-search]", "post jobs actions")
    within(page, 20, "[...document.querySelectorAll('.operation')].filter((one) => !one.hidden).length === 1")
    page.fill("[data-search]", "")
    page.click("text=RefusalInfo >> nth=0")
    within(page, 20, "document.getElementById('schema-RefusalInfo').open")
    page.get_by_text("What to change.").first.wait_for()


def test_scripts_are_asked_for_at_once(world):
    """A script that another one names is asked for with the page, and not after that one came."""
    for path, there in (("/#/", "h1"), ("/api", ".operation")):
        page = world.open(path)
        page.wait_for_selector(there)
        missing = page.evaluate("""() => {
            const named = new Set([...document.querySelectorAll('link[rel=modulepreload], script')].map((one) => one.href || one.src));
            const loaded = performance.getEntriesByType('resource').map((one) => one.name).filter((name) => name.endsWith('.js'));
            return { late: loaded.filter((name) => !named.has(name)), idle: [...named].filter((name) => !loaded.includes(name)) }; }""")
        assert missing == {"late": [], "idle": []}, f"{path}: {missing}"
