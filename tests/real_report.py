"""The page about runs in a real browser: on a phone, sorted by a click, and on paper."""
import base64
import os
import unittest

import test_runs_report
from browser import Browser
from support import call, folder
from test_runs_report import CHURN, HOSTILE, METRIC, put, train


@unittest.skipUnless(os.environ.get("SKELEBOT_TEST_CHROMIUM"), "no SKELEBOT_TEST_CHROMIUM: tests/services.sh names it")
class Shown(unittest.TestCase):
    def test_has_room_on_a_phone_is_sorted_by_a_click_and_has_a_page_for_each_run(self):
        curves = test_runs_report.as_json({"loss": [[step, 1 / step] for step in range(1, 40)]})
        with folder(CHURN) as top, Browser() as browser:
            put(top, *(train(number, values={"lr": f"0.{number}", "kernel": "rbf" * number, "tags": [HOSTILE]}, typed=["lr"],
                             image="sha256:" + "0" * 64, metrics={"loss": {**METRIC, "last": number / 8}, "bleu": METRIC},
                             outputs=[["models/" + "m" * 90, 1, 1.0]]) for number in range(1, 11)),
                curves_json=curves, log=b"word " * 99)
            self.assertEqual(call("report", folder=top).status, 0)
            browser.command("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
            browser.open("file://" + os.path.join(top, ".skelebot", "runs", "report.html"))
            self.assertEqual(browser.evaluate("document.documentElement.scrollWidth"), 360)
            self.assertEqual(browser.evaluate(OVERLAPS), [])
            runs = "[...document.querySelectorAll('.wide tbody tr')].map(row => row.cells[0].textContent).join()"
            self.assertEqual(browser.evaluate(runs), "10,9,8,7,6,5,4,3,2,1")
            browser.click(".wide th:first-child button")
            self.assertEqual(browser.evaluate(runs), "1,2,3,4,5,6,7,8,9,10")
            browser.click(".wide th:last-child button")
            browser.click(".wide th:first-child button")
            browser.click(".wide th:first-child button")
            self.assertEqual(browser.evaluate(runs), "10,9,8,7,6,5,4,3,2,1")
            paper = base64.b64decode(browser.command("Page.printToPDF")["data"])
        self.assertGreaterEqual(paper.count(b"/Type /Page\n"), 11)


# The texts of a picture that lie over another text of it, which nobody could read.
OVERLAPS = """[...document.querySelectorAll('figure svg')].flatMap(svg => {
    const texts = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
    const apart = (one, other) => one.right <= other.left + 1 || other.right <= one.left + 1
        || one.bottom <= other.top + 3 || other.bottom <= one.top + 3;
    return texts.flatMap(([text, box], index) => texts.slice(index + 1)
        .filter(([, other]) => !apart(box, other)).map(([other]) => text + ' over ' + other));
})"""


if __name__ == "__main__":
    unittest.main()
