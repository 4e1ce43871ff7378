"""`cmlstream-train`: the commands, put together."""

import click

from .commands.evaluate import evaluate
from .commands.export import export
from .commands.features import features
from .commands.fit import fit
from .commands.manifest import manifest
from .commands.report import report
from .commands.reproduce import reproduce
from .commands.robustness import robustness


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="cmlstream")
def main() -> None:
    """Train, measure and export models of speech affect by continuous metric learning."""


for command in (manifest, features, fit, evaluate, report, export, reproduce, robustness):
    main.add_command(command)
