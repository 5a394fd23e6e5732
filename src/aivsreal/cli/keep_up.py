"""`aivsreal keep-up`: the one line for a cron table."""

from __future__ import annotations

import click

from aivsreal.cli.options import json_option, print_json

NEEDS_PEOPLE = 1


@click.command(
    "keep-up",
    epilog="""
\b
Examples:
  aivsreal keep-up
  aivsreal keep-up --enough 50 --json
In a cron table, every night at three, a mail only where somebody should look:
  0 3 * * *  aivsreal keep-up > /tmp/keep-up.txt || mail -s "aivsreal" team@example.org < /tmp/keep-up.txt

\b
Exit codes: 0 all is well; 1 somebody should look: an alarm stands, the gate refused a challenger, or a step
failed; 2 another round is under way; 5 the model in use is missing; 7 a package is missing; 8 the report cannot
be written; 10 the server's database cannot be read.
""",
)
@click.option(
    "--enough",
    type=click.IntRange(min=5),
    default=30,
    show_default=True,
    help="Reviewed pictures that are worth a retraining.",
)
@json_option
def command(enough: int, as_json: bool) -> int:
    """Monitor, and learn from reviewed feedback where there is enough; promote what passes the gate.

    Nothing unreviewed is learned, and nothing is promoted that the gate refuses. After a refusal the next try waits
    for ten more reviewed pictures. The report also stands in keep-up/last.json of the data folder.
    """
    from aivsreal.cli.feedback import marks
    from aivsreal.living.keep_up import keep_up

    kept = keep_up(marks(), enough=enough, say=lambda text: click.echo(text, err=as_json))
    if as_json:
        print_json(kept.as_json())
    return NEEDS_PEOPLE if kept.needs_people else 0
