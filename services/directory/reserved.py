"""Words that nobody gets as a username: the product's own routes, and roles that people would believe."""

ROUTES = (
    "about api app assets auth call calls config connect contacts dashboard devices discover docs "
    "download explore faq favicon favicon.ico follows healthz help home index index.html invite login "
    "logout manifest me messages metrics openapi openapi.json problems profile readyz recover recovery "
    "recoveries register robots.txt search service-worker sessions settings sign-in sign-out sign-up "
    "signin signout signup static status sw.js tickets undefined user users v1 v2 well-known www"
).split()
"""Paths of the web client and of the gateway, and words that a path may turn into."""

ROLES = (
    "abuse admin administrator all anonymous anyone billing bot channel compliance contact emergency "
    "everybody everyone group here host hostmaster info legal mail mod moderator news nobody noreply "
    "no-reply null official operator owner police postmaster press privacy ringline root safety sales "
    "security somebody staff support system team trust unknown verified verify webmaster"
).split()
"""Whoever bears one of these would be believed to speak for the operator, or could not be told from a
keyword."""

RESERVED = frozenset(ROUTES + ROLES)
