"""Builds helm where it is missing, and prints where it is."""

from tests.helm import build

print(build())
