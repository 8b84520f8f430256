"""What ``--help`` shows below the options: examples to begin with, and what exit codes mean."""


def _examples(*lines: str) -> str:
    # \b keeps the help formatter from filling lines into a paragraph.
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


MATINEE = (
    _examples("matinee ingest demo", "matinee train", "matinee serve") + "\n\n"
    "\b\nExit codes:\n"
    "  0    done; serve: stopped in good order\n"
    "  1    it cannot be done; standard error says why, and what to do\n"
    "  2    the command line is wrong\n"
    "  130  stopped by Ctrl-C, 143 by SIGTERM; nothing is left half done"
)
INGEST = _examples(
    "matinee ingest demo",
    "matinee ingest ml-latest-small",
    "matinee ingest path/to/ml-32m.zip --rejects rejects.txt",
    "matinee ingest demo --json | jq .ratings.rejected",
)
TRAIN = _examples(
    "matinee train",
    "matinee train --if-needed",
    "matinee train --algorithm nmf --activate",
    "matinee train --json | jq .version.metrics.ndcg_at_10",
)
EVALUATE = _examples(
    "matinee evaluate",
    "matinee evaluate --algorithm ease --algorithm popularity",
    "matinee evaluate --split global-time --plot reliability.png",
)
MODELS = _examples("matinee models", "matinee models --json | jq '.models[0].metrics'", "matinee models activate 3")
ACTIVATE = _examples("matinee models activate 3")
PRUNE = _examples("matinee models prune --keep 5")
SERVE = _examples(
    "matinee serve",
    "matinee serve --port 8080 --workers 2",
    "MATINEE_DATABASE_URL=postgresql://matinee@localhost/matinee matinee serve",
)
USER_CREATE = _examples("matinee user create", "matinee user create --admin", "matinee user create < password.txt")
USER_SET_PASSWORD = _examples("matinee user set-password 7", "matinee user set-password 7 < password.txt")
USER_GRANT = _examples("matinee user grant 7")
USER_REVOKE = _examples("matinee user revoke 7")
USER = _examples("matinee user create --admin", "matinee user set-password 7", "matinee user grant 7")
DB = _examples("matinee db upgrade", "matinee db backup /backups/matinee.db")
UPGRADE = _examples("matinee db upgrade")
BACKUP = _examples('matinee db backup "/backups/matinee-$(date +%F).db"')
DOCTOR = _examples("matinee doctor", "matinee doctor --json | jq '.[] | select(.health != \"ok\")'")
