"""`gardefou`: serve, draw, check, keys, users, webhooks, policy, lists, banned, ledger, models, evaluate, audit, bench.

Exit codes: 0 ok, 1 found problems, 2 usage, 3 unavailable, 4 integrity failure. stdout carries answers only.
"""

import typer

from gateway.cli import audit, banned, bench, evaluate, everyday, keys, ledger, lists, models, policy, users, webhooks

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help=__doc__.splitlines()[0], pretty_exceptions_enable=False
)
for command in (everyday.serve, everyday.draw, everyday.check):
    app.command()(command)
for name, module in (("keys", keys), ("users", users), ("webhooks", webhooks), ("policy", policy), ("lists", lists),
                     ("banned", banned), ("ledger", ledger), ("models", models), ("evaluate", evaluate),
                     ("audit", audit), ("bench", bench)):  # fmt: skip
    app.add_typer(module.group, name=name)


def main() -> None:
    """Entry point of the `gardefou` command."""
    app()
