"""Nothing is kept of what hypothesis tries."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "hostile",
    database=None,
    derandomize=True,
    deadline=None,
    max_examples=150,
    suppress_health_check=list(HealthCheck),
)
