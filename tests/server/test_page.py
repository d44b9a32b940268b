"""The page as people use it: in a real browser, before a real server in another process."""

from __future__ import annotations

import http.client
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import mapsto as mt
from mapsto import data, nn
from mapsto.train.recipes import answer_for, learner_for, recipe_for
from tests.files.common import backwards, opinion
from tests.server.common import Running, running
from tests.server.drawing import DIGITS, Stroke, smaller

CHROMIUM = shutil.which("chromium")
FLAGS = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
FLAGS += " --disable-component-update --disable-sync"
HOSTILE = '"><img src=x onerror="window.hit = 1"><script>window.hit = 2</script>'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with the net of `mapsto train`, one that takes numbers, one whose classes have hostile names, and two
    that read texts.
    """
    folder, train = tmp_path_factory.mktemp("page"), data.load("digits", "train")
    learner = learner_for(recipe_for("digits"), 10)
    learner.fit(train, epochs=6, batch_size=32, seed=1, progress=False)
    shape, hostile = train.x.shape[1:], [f"{HOSTILE}{digit}" for digit in range(10)]
    mt.save(answer_for(learner.net, shape, train.classes), folder / "digits.mapsto")
    mt.save(answer_for(learner.net, shape, tuple(hostile)), folder / "hostile.mapsto")
    mt.save(nn.Dense(3).init(mt.key(0), np.ones((1, 2), np.float32)), folder / "numbers.mapsto")
    mt.save(opinion(), folder / "opinion.mapsto")
    mt.save(backwards(), folder / "backwards.mapsto")
    names = ("digits", "hostile", "numbers", "opinion", "backwards")
    with running(*(folder / f"{name}.mapsto" for name in names)) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if CHROMIUM is None:
        pytest.skip("needs the browser chromium")
    with playwright.sync_playwright() as started:  # a folder of its own for what the browser keeps
        browser = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


class Person:
    """Somebody who looks at the page. What the browser's console has against the page is kept in `complaints`."""

    def __init__(self, page: Any, server: Running) -> None:
        self.page, self.complaints = page, []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: self.complaints.append(line.text) if "Security Policy" in line.text else None)
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.wait_for_selector("#main:not([hidden])")

    def draw(self, strokes: list[Stroke]) -> None:
        box = self.page.locator("#pad").bounding_box()
        places = [[(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in one] for one in strokes]
        for stroke in places:
            self.page.mouse.move(*stroke[0])
            self.page.mouse.down()
            for place in stroke[1:]:
                self.page.mouse.move(*place)
            self.page.mouse.up()

    def asks_about(self, strokes: list[Stroke]) -> str:
        """Clear, draw, press Ask, read the answer."""
        self.page.click("#clear")
        self.draw(strokes)
        self.page.click("#ask-drawing")
        return self.best()

    def best(self) -> str:
        return self.page.wait_for_selector("#answer:not(.busy) .best").text_content()

    def problem(self) -> str:
        return self.page.wait_for_selector("#answer:not(.busy) .problem").text_content()

    def drop(self, name: str, content: bytes) -> None:
        """Drop a file on the page, as from the desktop."""
        script = """([name, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
            document.querySelector("#drop").dispatchEvent(new DragEvent("drop", { bubbles: true, dataTransfer: data }));
        }"""
        self.page.evaluate(script, [name, list(content)])


@pytest.fixture
def person(server: Running, browser: Any) -> Iterator[Person]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    person = Person(context.new_page(), server)
    yield person
    context.close()
    assert not person.complaints


def test_a_drawn_digit_is_recognised(person: Person) -> None:
    """In the middle, and small in a corner: the drawing is laid out as the pictures of the training are."""
    found = {digit: person.asks_about(strokes) for digit, strokes in DIGITS.items()}
    assert sum(found[digit] == digit for digit in DIGITS) >= 9, found
    assert (found["1"], found["7"], found["3"]) == ("1", "7", "3")
    assert [person.asks_about(smaller(DIGITS[digit])) for digit in "173"] == ["1", "7", "3"]


def test_the_answer_has_bars_and_comes_by_itself(person: Person) -> None:
    person.draw(DIGITS["3"])
    assert person.best() == "3"  # without a press on Ask
    shares = [float(text.rstrip(" %")) for text in person.page.locator(".share").all_text_contents()]
    widths = [box["width"] for box in (fill.bounding_box() for fill in person.page.locator(".fill").all())]
    assert len(shares) == 3 and shares == sorted(shares, reverse=True) and shares[0] > 50
    assert widths[0] > 4 * widths[1]
    assert person.page.locator("#seen-pixels").evaluate("canvas => [canvas.width, canvas.height]") == [8, 8]
    person.page.click("#clear")
    person.page.click("#ask-drawing")
    assert person.problem() == "Draw something first."


def test_drawing_by_keyboard(person: Person) -> None:
    """A one: seven steps up, pen down, fourteen down; everything can be reached with the Tab key."""
    press = person.page.keyboard.press
    reached = []
    for _ in range(8):
        press("Tab")
        reached.append(person.page.evaluate("document.activeElement.id || document.activeElement.value"))
    assert reached[:6] == ["model", "draw", "pad", "ask-drawing", "undo", "clear"]
    person.page.focus("#pad")
    for key in ["ArrowUp"] * 7 + [" "] + ["ArrowDown"] * 14 + [" ", "Enter"]:
        press(key)
    assert person.best() == "1"
    press("Delete")
    assert person.page.locator("#answer").text_content() == "Nothing has been asked yet."


def test_a_dropped_file_and_a_broken_one(person: Person) -> None:
    sample = data.sample_picture()
    person.drop("three.png", Path(sample).read_bytes())
    assert person.best() == "3" and person.page.locator("#file-name").text_content() == "three.png"
    person.page.wait_for_selector("#picture:not([hidden])")
    person.drop("broken.png", Path(sample).read_bytes()[:60])
    said = person.problem()
    assert said.startswith("broken.png: damaged or cut off") and "→ get the file again" in said
    person.page.set_input_files("#chosen", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"hello"})
    assert "notes.txt: neither PNG nor JPEG" in person.problem()
    person.page.set_input_files("#chosen", sample)
    assert person.best() == "3"


def test_a_picture_on_white_is_inverted_on_demand(person: Person, tmp_path: Path) -> None:
    paper = Image.new("L", (200, 300), 255)
    ImageDraw.Draw(paper).line([(x * 200, y * 300) for x, y in DIGITS["3"][0]], fill=0, width=34)
    paper.save(tmp_path / "paper.png")
    person.page.set_input_files("#chosen", tmp_path / "paper.png")
    person.page.click("#invert")
    person.page.wait_for_selector(".best:text-is('3')")
    assert person.page.locator("#bright").is_hidden()


def test_numbers_and_another_model(person: Person) -> None:
    person.page.select_option("#model", "numbers")
    person.page.fill("#written", "0.5, -1")
    person.page.click("#ask-written")
    rows = person.page.wait_for_selector("#answer pre").text_content().splitlines()
    assert [row.split()[0] for row in rows] == ["0", "1", "2"]
    person.page.fill("#written", "[0.5, 1, 2]")
    person.page.press("#written", "Control+Enter")
    assert "2 elements" in person.problem()


def test_texts(person: Person) -> None:
    """Words are written and judged, in English and in Chinese; a text that is answered is shown as it is."""
    page = person.page
    page.select_option("#model", "opinion")
    assert page.locator("#written-label").text_content() == "Text" and page.locator("#ways").is_hidden()
    assert page.locator("#input-spec").text_content() == "Text"
    page.fill("#written", "A very good film!")
    page.click("#ask-written")
    assert person.best() == "positive"
    page.fill("#written", "真坏")
    page.press("#written", "Control+Enter")
    page.wait_for_selector(".best:text-is('negative')")
    page.fill("#written", " ")
    page.click("#ask-written")
    assert person.problem().startswith("text.words: there is no word in the text ' '")
    page.select_option("#model", "backwards")
    assert page.locator("#output-spec").text_content() == "Text"
    page.fill("#written", "abc <b> 好")
    page.click("#ask-written")
    assert page.wait_for_selector("#answer pre").text_content() == "好 �b� cba"


def test_hostile_names_are_only_text(person: Person) -> None:
    person.page.select_option("#model", "hostile")
    person.drop(f"{HOSTILE}.png", Path(data.sample_picture()).read_bytes())
    assert person.best() == f"{HOSTILE}3"
    assert person.page.locator("#file-name").text_content() == f"{HOSTILE}.png"
    assert person.page.evaluate("document.images.length + document.scripts.length") == 1  # the page's own script
    assert person.page.evaluate("window.hit") is None


@pytest.mark.parametrize(
    ("width", "locale", "scheme"), [(390, "zh-CN", "dark"), (390, "en-US", "light"), (1280, "fr-FR", "dark")]
)
def test_phones_languages_and_the_dark(server: Running, browser: Any, width: int, locale: str, scheme: str) -> None:
    size = {"width": width, "height": 844}
    context = browser.new_context(viewport=size, locale=locale, color_scheme=scheme, has_touch=width == 390)
    person = Person(context.new_page(), server)
    page = person.page
    assert page.evaluate("document.documentElement.lang") == ("zh" if locale == "zh-CN" else "en")
    assert page.locator("#ask-drawing").text_content() == ("提问" if locale == "zh-CN" else "Ask")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    small = "[...document.querySelectorAll('button, select, canvas#pad')].map(e => e.getBoundingClientRect())"
    shown = [box for box in page.evaluate(f"{small}.map(b => [b.width, b.height])") if box[0]]
    assert all(min(box) >= 44 for box in shown), "fingers need 44 pixels"
    red = page.evaluate("Number(getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0])")
    assert red < 60 if scheme == "dark" else red > 200
    person.draw(DIGITS["0"])
    assert person.best() == "0" and not person.complaints
    context.close()


def test_a_server_with_a_token_asks_for_it(digits: Path, browser: Any) -> None:
    with running(digits, token="open sesame") as server:
        page = browser.new_page(locale="en-US")
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.fill("#token", "wrong")
        page.press("#token", "Enter")
        page.wait_for_selector("#problem:not([hidden])")
        page.fill("#token", "open sesame")
        page.press("#token", "Enter")
        page.wait_for_selector("#main:not([hidden])")
        assert page.locator("#token-form").is_hidden() and page.locator("#problem").is_hidden()
        page.close()


def test_a_server_that_is_gone(digits: Path, browser: Any) -> None:
    with running(digits) as server:
        context = browser.new_context(locale="en-US")
        person = Person(context.new_page(), server)
    person.draw(DIGITS["3"])
    assert person.problem() == "The server does not answer. It may have been stopped."
    context.close()


def raw(server: Running, method: str, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers


def test_what_the_page_may_do(server: Running) -> None:
    """Its header forbids what is not its own; nothing else of the disk is answered; strangers' pages are refused."""
    for path in ("/", "/page.css", "/page.js", "/page.svg"):
        status, headers = raw(server, "GET", path)
        policy = headers["Content-Security-Policy"]
        assert status == 200 and "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
    for path in (
        "/page.py",
        "/pages/page.js",
        "/page.css/../page.py",
        "/..%2f..%2fpyproject.toml",
        "/../../etc/passwd",
    ):
        assert raw(server, "GET", path)[0] == 404, path
    assert raw(server, "GET", "/", Host="evil.example")[0] == 421
    assert raw(server, "POST", "/v1/digits", Origin="http://evil.example")[0] == 403
    assert raw(server, "POST", "/v2/models/digits/infer", Origin="null")[0] == 403
