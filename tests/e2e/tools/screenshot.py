"""Take the picture of the built-in page in the README: ``make screenshot``."""

import sys
import tempfile
from pathlib import Path

from tests.support.browser import running_browser, visit
from tests.support.installation import on_sqlite

GUEST_RATINGS = "[[190, 5], [137, 4.5], [98, 4]]"


def main() -> None:
    """Write the recommendations of a guest of the demo, as the page shows them, into the file that is named."""
    with tempfile.TemporaryDirectory() as folder:
        demo = on_sqlite(Path(folder))
        demo.run("ingest", "demo")
        demo.run("train")
        with demo.serve() as server, running_browser() as browser, visit(browser, server.address) as visitor:
            page = visitor.open("find")
            page.evaluate(f"localStorage.setItem('matinee.guest-ratings', '{GUEST_RATINGS}')")
            page.reload()
            page.goto(f"{server.address}/#/for-me")
            page.locator("ol .card").first.wait_for()
            page.screenshot(path=sys.argv[1], type="jpeg", quality=80)


if __name__ == "__main__":
    main()
