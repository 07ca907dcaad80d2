"""What the dashboards show: for each panel its title, what it says, its unit, and queries with legends."""


def _share(part: str, whole: str) -> str:
    return f"{part} / ({whole} > 0)"


def _rate(name: str, by: str = "", where: str = "") -> str:
    chosen = f"{{{where}}}" if where else ""
    return f"sum{f' by ({by})' if by else ''} (rate({name}{chosen}[$for]))"


def _quantile(of: float, name: str, by: str = "", where: str = "") -> str:
    chosen = f"{{{where}}}" if where else ""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({of}, sum by ({labels}) (rate({name}_bucket{chosen}[$for])))"


_PLACED = _rate("ringline_commands_total", where='verb="place"')
_FAILED = _rate("ringline_commands_total", where='verb="place", outcome=~"unavailable|overloaded"')
_ANSWERED = _rate("ringline_calls_ended_total", where='answered="yes"')
_CUT_OFF = _rate("ringline_calls_ended_total", "ending", 'answered="yes", ending=~"lost|media_failed"')

OPERATIONS = (
    (
        "Objectives",
        (
            (
                "Place: share that succeeded",
                "Refusals that are the caller's own are no failures; unavailable and overloaded are.",
                "percentunit",
                [(f"1 - ({_FAILED} or vector(0)) / ({_PLACED} > 0)", "succeeded")],
            ),
            (
                "From place to ring",
                "From the call's beginning until a device says that it rings: the way included.",
                "s",
                [
                    (_quantile(0.5, "ringline_call_ring_seconds"), "half"),
                    (_quantile(0.95, "ringline_call_ring_seconds"), "95 %"),
                ],
            ),
            (
                "Answer: time to the reply",
                "As the gateway sees it.",
                "s",
                [
                    (_quantile(0.5, "ringline_command_seconds", where='verb="answer"'), "half"),
                    (_quantile(0.99, "ringline_command_seconds", where='verb="answer"'), "99 %"),
                ],
            ),
            (
                "From answer to media",
                "Until both sides reported packets.",
                "s",
                [
                    (_quantile(0.5, "ringline_call_connect_seconds"), "half"),
                    (_quantile(0.95, "ringline_call_connect_seconds"), "95 %"),
                ],
            ),
            (
                "Mended by comparison",
                "What a wake-up should have brought. ended and gone: a ghost ring, or a ghost of a call.",
                "ops",
                [
                    (_rate("ringline_repairs_total", by="kind"), "{{kind}}"),
                    (_rate("ringline_wake_gaps_total"), "gaps in wake-ups"),
                ],
            ),
            (
                "Calls ended by the network",
                "Share of the answered calls that were lost, or got no media.",
                "percentunit",
                [(f"{_CUT_OFF} / ignoring (ending) group_left () ({_ANSWERED} > 0)", "{{ending}}")],
            ),
        ),
    ),
    (
        "Load",
        (
            ("Open lines", "", "none", [("sum by (pod) (ringline_lines)", "{{pod}}")]),
            ("Commands", "", "ops", [(_rate("ringline_commands_total", by="verb"), "{{verb}}")]),
            (
                "Questions per process of signaling",
                "Its share of the work: by this it is scaled.",
                "ops",
                [(_rate("ringline_asked_total", by="pod", where='stream="Link"'), "{{pod}}")],
            ),
            (
                "Calls",
                "",
                "ops",
                [(_rate("ringline_call_facts_total", by="fact"), "{{fact}}")],
            ),
            (
                "Lateness of the loop",
                "How late a process is at what is due: it has too much to do.",
                "s",
                [("max by (pod) (ringline_loop_lag_seconds)", "{{pod}}")],
            ),
            (
                "Turns",
                "How long sign-ins and hellos wait when many come at once.",
                "s",
                [(_quantile(0.95, "ringline_turn_wait_seconds", by="what"), "{{what}}")],
            ),
        ),
    ),
    (
        "Between services: rate, errors, duration",
        (
            ("Unary calls", "", "ops", [(_rate("ringline_rpc_seconds_count", by="method"), "{{method}}")]),
            ("Questions on streams", "", "ops", [(_rate("ringline_asked_total", by="stream"), "{{stream}}")]),
            (
                "Refusals of services",
                "Most of them are the caller's own fault; unavailable and overloaded are not.",
                "ops",
                [(_rate("ringline_refusals_total", by="method, reason"), "{{method}} {{reason}}")],
            ),
            (
                "Unary calls: 99 %",
                "",
                "s",
                [(_quantile(0.99, "ringline_rpc_seconds", by="method"), "{{method}}")],
            ),
            (
                "Questions: 99 %",
                "On the side that answers.",
                "s",
                [(_quantile(0.99, "ringline_question_seconds", by="stream"), "{{stream}}")],
            ),
            (
                "Questions without answer, or asked again",
                "",
                "ops",
                [
                    (_rate("ringline_unanswered_total", by="stream"), "{{stream}}: no answer"),
                    (_rate("ringline_resent_total", by="stream"), "{{stream}}: asked again"),
                ],
            ),
        ),
    ),
    (
        "Media, as devices saw it when a call was over",
        (
            (
                "Round trip: 95 %",
                "The worst of each call.",
                "s",
                [(_quantile(0.95, "ringline_quality_round_trip_seconds", by="path"), "{{path}}")],
            ),
            (
                "Loss: 95 %",
                "",
                "percentunit",
                [(_quantile(0.95, "ringline_quality_loss_ratio", by="path"), "{{path}}")],
            ),
            (
                "Jitter: 95 %",
                "The worst of each call.",
                "s",
                [(_quantile(0.95, "ringline_quality_jitter_seconds", by="path"), "{{path}}")],
            ),
            (
                "From answer to sound: 95 %",
                "",
                "s",
                [(_quantile(0.95, "ringline_quality_first_audio_seconds", by="path"), "{{path}}")],
            ),
            (
                "Calls by way and codec",
                "",
                "ops",
                [(_rate("ringline_quality_reports_total", by="path, codec"), "{{path}} {{codec}}")],
            ),
            (
                "New paths sought in calls",
                "",
                "ops",
                [(_rate("ringline_quality_restarts_total", by="path"), "{{path}}")],
            ),
        ),
    ),
    (
        "HTTP, the log and the rest",
        (
            ("Requests", "", "reqps", [(_rate("ringline_http_seconds_count", by="status"), "{{status}}")]),
            (
                "Requests: 99 %",
                "",
                "s",
                [(_quantile(0.99, "ringline_http_seconds", by="route"), "{{route}}")],
            ),
            (
                "Oldest event that waits",
                "While the bus is away events wait in the database.",
                "s",
                [("max by (service) (ringline_outbox_age_seconds)", "{{service}}")],
            ),
            (
                "Memory of calls",
                "What a process remembered of a call that it was to change.",
                "ops",
                [(_rate("ringline_call_memory_total", by="outcome"), "{{outcome}}")],
            ),
            (
                "Faults and given up",
                "Each fault is in the log with its id.",
                "ops",
                [
                    (_rate("ringline_bugs_total", by="where"), "{{where}}"),
                    (_rate("ringline_events_given_up_total", by="durable"), "{{durable}}: given up"),
                ],
            ),
            (
                "On the way out",
                "For how long stopping processes have been at it; after 60 s they are killed.",
                "s",
                [("max by (pod) (ringline_leaving_seconds)", "{{pod}}")],
            ),
        ),
    ),
)


def _day(name: str, by: str = "", where: str = "") -> str:
    chosen = f"{{{where}}}" if where else ""
    return f"sum{f' by ({by})' if by else ''} (increase({name}{chosen}[1d]))"


_HEARD = _day("ringline_call_facts_total", where='fact="call_placed"')

ADOPTION = (
    (
        "Calls, over the day before each point",
        (
            (
                "Calls",
                "Placed, and answered.",
                "short",
                [
                    (_HEARD, "placed"),
                    (_day("ringline_call_facts_total", where='fact="call_answered"'), "answered"),
                ],
            ),
            (
                "Answer rate",
                "Answered, of those that were to ring somewhere.",
                "percentunit",
                [
                    (
                        _share(
                            _day("ringline_calls_ended_total", where='answered="yes"'),
                            _day("ringline_calls_ended_total"),
                        ),
                        "answered",
                    )
                ],
            ),
            (
                "Missed calls that were returned",
                "Calls to somebody whose call one had missed, of the calls that were missed.",
                "percentunit",
                [
                    (
                        _share(
                            _day("ringline_missed_calls_returned_total"), _day("ringline_missed_calls_total")
                        ),
                        "returned",
                    )
                ],
            ),
            (
                "How calls end",
                "",
                "short",
                [(_day("ringline_calls_ended_total", by="ending"), "{{ending}}")],
            ),
            (
                "What was asked for",
                "",
                "short",
                [(_day("ringline_calls_ended_total", by="kind"), "{{kind}}")],
            ),
            (
                "How long people talk",
                "",
                "s",
                [
                    (
                        f"histogram_quantile(0.5, {_day('ringline_call_talk_seconds_bucket', 'le')})",
                        "half",
                    )
                ],
            ),
        ),
    ),
    (
        "In the call, and before it",
        (
            (
                "From audio to video",
                "Cameras turned on and off in calls.",
                "short",
                [(_day("ringline_call_toggles_total", by="to", where='kind="video"'), "{{to}}")],
            ),
            (
                "Refused: place",
                "What callers were told, by reason.",
                "short",
                [
                    (
                        _day("ringline_commands_total", by="outcome", where='verb="place", outcome!="done"'),
                        "{{outcome}}",
                    )
                ],
            ),
            (
                "Verdicts",
                "unheard: callees have decided that nobody rings.",
                "short",
                [(_day("ringline_verdicts_total", by="outcome", where='act="place"'), "{{outcome}}")],
            ),
            ("Open lines", "", "none", [("sum (ringline_lines)", "lines")]),
            (
                "Messages",
                "",
                "short",
                [(_day("ringline_message_verdicts_total", by="outcome"), "{{outcome}}")],
            ),
            (
                "Not rung for the ring budget",
                "",
                "short",
                [(_day("ringline_ring_budget_total", by="outcome"), "{{outcome}}")],
            ),
        ),
    ),
)
