"""`python -m weaklabel.cli`: the command line where no script is on the path."""

from weaklabel.cli.main import main

main(prog_name="weaklabel")
