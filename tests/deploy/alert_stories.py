"""For each alert a story in figures: what is scraped each minute, when it fires, and when it does not."""

from typing import NamedTuple

UP = ("directory", "presence", "policy", "signaling", "conversations", "gateway")


class Story(NamedTuple):
    """Series with their values minute by minute, in Prometheus' notation; and minutes."""

    alert: str
    series: dict[str, str]
    fires: int
    rests: int


def _late(name: str, labels: str, short: str, long: str, rises: str, rests: str) -> dict[str, str]:
    """A histogram of two buckets: all are quick, or none."""
    more = f"{labels}, " if labels else ""
    return {
        f'{name}_bucket{{{more}le="{short}"}}': rests,
        f'{name}_bucket{{{more}le="{long}"}}': rises,
        f'{name}_bucket{{{more}le="+Inf"}}': rises,
        f"{name}_count{{{labels}}}": rises,
    }


def _at_night(name: str, labels: str, short: str, long: str) -> dict[str, str]:
    """The same of two alone, eight minutes apart, and of many some hours later."""
    return _late(name, labels, short, long, "0+0x20 1+0x8 2+0x200 2+60x40", "0+0x270")


_HALF_AN_HOUR = "0+0x30 0+60x60"
_ALWAYS = "0+60x90"

STORIES = (
    Story(
        "CallsCannotBePlaced",
        {
            'ringline_commands_total{verb="place", outcome="done"}': "0+95x20 1900+100x30",
            'ringline_commands_total{verb="place", outcome="not_entitled"}': "0+50x50",
            'ringline_commands_total{verb="place", outcome="unavailable"}': "0+5x20 100+0x30",
        },
        fires=15,
        rests=40,
    ),
    Story(
        "CallsCannotBePlaced",  # one call of the few at night does not
        {
            'ringline_commands_total{verb="place", outcome="done"}': "0+1x90",
            'ringline_commands_total{verb="place", outcome="unavailable"}': "0+0x20 1+0x30 1+1x40",
        },
        fires=75,
        rests=24,
    ),
    Story("RingsAreLate", _at_night("ringline_call_ring_seconds", "", "0.5", "5.0"), fires=265, rests=35),
    Story(
        "AnswersAreSlow",
        _at_night("ringline_command_seconds", 'verb="answer"', "0.1", "2.5"),
        fires=265,
        rests=35,
    ),
    Story(
        "ServicesDoNotAnswer",
        {
            'ringline_ask_seconds_count{stream="policy", pod="a"}': "0+1x90",
            'ringline_unanswered_total{stream="policy", pod="a"}': "0+0x20 1+0x2 2+0x30 2+3x40",
        },
        fires=80,
        rests=27,
    ),
    Story(
        "RingsAreLate",
        _late("ringline_call_ring_seconds", "", "0.5", "5.0", _ALWAYS, _HALF_AN_HOUR),
        fires=25,
        rests=80,
    ),
    Story(
        "AnswersAreSlow",
        _late("ringline_command_seconds", 'verb="answer"', "0.1", "2.5", _ALWAYS, _HALF_AN_HOUR),
        fires=25,
        rests=80,
    ),
    Story(
        "CallsGetNoMedia",
        {
            'ringline_calls_ended_total{answered="yes", ending="hung_up"}': "0+9x90",
            'ringline_calls_ended_total{answered="yes", ending="media_failed"}': "0+1x30 30+0x60",
        },
        fires=28,
        rests=80,
    ),
    Story(
        "GhostsAreRinging",
        {
            'ringline_call_facts_total{fact="call_ended"}': "0+60x90",
            'ringline_repairs_total{kind="ended"}': "0+2x30 60+0x60",
            'ringline_repairs_total{kind="view"}': "0+60x90",
        },
        fires=28,
        rests=80,
    ),
    Story(
        "ServiceIsGone",
        {
            **{f'up{{job="{job}", pod="{job}-1"}}': "1+0x60" for job in UP if job != "policy"},
            'up{job="policy", pod="policy-1"}': "1+0x10 0+0x20 1+0x30",
        },
        fires=20,
        rests=50,
    ),
    Story(
        "ServiceIsGone",
        {
            **{f'up{{job="{job}", pod="{job}-1"}}': "1+0x60" for job in UP if job != "signaling"},
            'up{job="signaling", pod="signaling-1"}': "_x20 1+0x40",
        },
        fires=10,
        rests=50,
    ),
    Story(
        "NobodyIsReady",  # one of two is enough, and the other services have nothing to do with it
        {
            'ringline_ready{job="presence", pod="p-1"}': "1+0x10 0+0x20 1+0x30",
            'ringline_ready{job="presence", pod="p-2"}': "0+0x30 1+0x30",
            'ringline_ready{job="gateway", pod="g-1"}': "1+0x60",
        },
        fires=20,
        rests=8,
    ),
    Story(
        "RequestsFail",
        {
            'ringline_http_seconds_count{route="/v1/threads", status="200"}': "0+5x90",
            'ringline_http_seconds_count{route="/v1/threads", status="503"}': "0+5x30 150+0x60",
            'ringline_http_seconds_count{route="/v1/config", status="200"}': "0+900x90",
            'ringline_http_seconds_count{route="/v1/config", status="503"}': "0+5x90",
            'ringline_http_seconds_count{route="-", status="503"}': "0+50x90",
        },
        fires=28,
        rests=80,
    ),
    Story(
        "ServicesDoNotAnswer",
        {
            'ringline_ask_seconds_count{stream="policy", pod="a"}': "0+95x90",
            'ringline_unanswered_total{stream="policy", pod="a"}': "0+5x30 150+0x60",
        },
        fires=28,
        rests=80,
    ),
    Story(
        "LoopsAreLate",
        {'ringline_loop_lag_seconds{job="signaling", pod="s-1"}': "1+0x20 0+0x30"},
        fires=15,
        rests=40,
    ),
    Story("FaultsAreLogged", {'ringline_bugs_total{where="Link"}': "0+1x20 20+0x60"}, fires=19, rests=70),
    Story(
        "DrainsAreSlow",
        {'ringline_leaving_seconds{job="gateway", pod="g-1"}': "0+0x10 0+55x1 _x30"},
        fires=12,
        rests=30,
    ),
    Story(
        "CertificatesExpire",
        {'ringline_certificate_expires_timestamp_seconds{job="policy"}': "259200+0x120 2592000+0x90"},
        fires=90,
        rests=180,
    ),
    Story("EventsWait", {'ringline_outbox_age_seconds{service="signaling"}': "300+0x20 0+0x30"}, 10, 40),
    Story(
        "EventsAreGivenUp",
        {'ringline_events_given_up_total{durable="conversations"}': "0+0x5 1+0x115"},
        fires=10,
        rests=100,
    ),
    Story(
        "EventLogWasLost",
        {
            'ringline_event_log_made_total{pod="a"}': "0+0x90 1+0x110",
            'ringline_call_facts_total{fact="call_ended"}': "0+1x200",
        },
        fires=95,
        rests=190,
    ),
    Story(
        "EventLogWasLost",
        {
            'ringline_event_log_made_total{pod="a"}': "0+0x2 1+0x50 0+0x40 1+0x20",
            'ringline_call_facts_total{fact="call_ended"}': "_x5 0+1x110",
        },
        fires=95,
        rests=10,  # the very first start
    ),
    Story(
        "DatabaseIsAtRisk",
        {
            'ringline_database_at_risk{service="signaling", pod="a"}': "0x4 1x20 0x30",
            'ringline_database_at_risk{service="signaling", pod="b"}': "0x54",
        },
        fires=15,
        rests=40,
    ),
    Story("WakeUpsAreLost", {"ringline_wake_gaps_total": "0+30x30 900+0x60"}, fires=28, rests=80),
    Story(
        "WakeUpsAreLost",
        {
            'ringline_wakes_total{fate="sent"}': "0+90x90",
            'ringline_wakes_total{fate="heard"}': "0+90x90",
            'ringline_wakes_total{fate="dropped"}': "0+10x30 300+0x60",
        },
        fires=28,
        rests=80,
    ),
    Story("RevocationsAreNotSettled", {"ringline_policy_unsettled": "1+0x20 0+0x30"}, fires=15, rests=40),
    Story("RevocationsAreNotSettled", {"ringline_directory_unsettled": "1+0x20 0+0x30"}, fires=15, rests=40),
)


def promtool_tests(rules: str) -> dict[str, object]:
    """The stories as `promtool test rules` reads them; `rules` is the file of the rules."""
    return {"rule_files": [rules], "evaluation_interval": "1m", "tests": [_test(story) for story in STORIES]}


def _test(story: Story) -> dict[str, object]:
    firing = f'count(ALERTS{{alertname="{story.alert}", alertstate="firing"}})'
    one = [{"labels": "{}", "value": 1}]
    return {
        "name": story.alert,
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in story.series.items()],
        "promql_expr_test": [
            {"expr": firing, "eval_time": f"{story.fires}m", "exp_samples": one},
            {"expr": firing, "eval_time": f"{story.rests}m", "exp_samples": []},
        ],
    }
