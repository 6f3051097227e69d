"""``python -m skype_assets.etl.command_line``: the command line where its script is not on the path."""

from skype_assets.etl.command_line import main

if __name__ == "__main__":  # the processes that work on parts import this module, too
    main()
