"""Take the picture of the built-in page in the README, and measure the first view: ``make screenshot``."""

import sys
import tempfile
from pathlib import Path

from tests.support.browser import measure_first_view, running_browser, visit
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
            with visit(browser, server.address) as newcomer:
                view = measure_first_view(newcomer)
    sys.stdout.write(
        f"The first view takes {view.requests} requests, {view.bytes_received / 1000:.0f} KB and "
        f"{view.shown_after_ms:.0f} ms; no request left this machine.\n"
    )


if __name__ == "__main__":
    main()
