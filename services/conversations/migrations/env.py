"""Alembic's entry; the work is in ringline.migrate."""

from ringline.migrate import run

run()
