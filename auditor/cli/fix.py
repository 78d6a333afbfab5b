"""`auditor fix`: bring an account to its baseline, prove it, and take it back."""

import typer

from auditor.cli import fix_apply, fix_plan

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Bring the account to its baseline: plan, apply, verify, and roll back.",
)
app.command("plan")(fix_plan.plan)
app.command("apply")(fix_apply.apply)
app.command("verify")(fix_apply.verify)
app.command("rollback")(fix_apply.rollback)
