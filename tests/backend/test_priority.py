import subprocess
import sys

STAND_BACK = "import os; from server.backend.processes import lower_priority; lower_priority(); print(os.nice(0))"


def test_who_stands_back_is_the_least_urgent() -> None:
    told = subprocess.run([sys.executable, "-c", STAND_BACK], check=True, capture_output=True, text=True)

    assert told.stdout == "19\n"
