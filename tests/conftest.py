"""What all tests share."""

from hypothesis import settings

settings.register_profile("gardefou", deadline=None)  # how busy a machine is, is no property of the code
settings.load_profile("gardefou")
