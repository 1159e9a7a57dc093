"""An exception of the app's own."""


class Gone(Exception):
    pass
