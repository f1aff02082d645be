"""The default fleet: three companies, fourteen agents, and what happened to them."""

from datetime import timedelta
from decimal import Decimal

from runtally_cli.simulation.fleet import (
    Agent,
    Demand,
    Effort,
    FailureMode,
    Fleet,
    Handover,
    Model,
    Outage,
    Pause,
    Release,
    Reliability,
    Reporting,
    Rhythm,
    Workspace,
)


def _model(provider: str, name: str, *prices: str) -> Model:
    return Model(provider, name, *map(Decimal, prices))


OPUS = _model("anthropic", "claude-opus-4-5", "5", "25", "0.5", "6.25")
SONNET = _model("anthropic", "claude-sonnet-4-5", "3", "15", "0.3", "3.75")
HAIKU = _model("anthropic", "claude-haiku-4-5", "1", "5", "0.1", "1.25")
GPT = _model("openai", "gpt-5.1", "1.25", "10", "0.125")
GPT_MINI = _model("openai", "gpt-5-mini", "0.25", "2", "0.025")
GEMINI_PRO = _model("google", "gemini-2.5-pro", "1.25", "10", "0.125")
GEMINI_FLASH = _model("google", "gemini-2.5-flash", "0.3", "2.5", "0.03")
MISTRAL = _model("mistral", "mistral-medium-3", "0.4", "2")
DEEPSEEK = _model("deepseek", "deepseek-chat", "0.28", "0.42", "0.028")
LLAMA = Model("vllm", "models/llama-3.3-70b-instruct.gguf")

_RATE_LIMIT = FailureMode("RateLimitError", "rate_limit", "429: too many requests, retry after 20 s", "warning")
_CONTEXT = FailureMode("ContextLengthExceeded", "model_error", "prompt is longer than the model's context window")
_BAD_OUTPUT = FailureMode("OutputValidationError", "validation", "answer does not match the output schema")
_NETWORK = FailureMode("ConnectionReset", "infrastructure", "connection reset by peer while streaming", weight=0.6)


def _tool(name: str, message: str, weight: float = 1.5) -> FailureMode:
    return FailureMode(name, "tool_error", message, weight=weight)


def _always(version: str) -> Release:
    return Release(version, timedelta(days=400))


_ACME = Workspace(
    "acme",
    utc_offset_hours=1,
    users=140,
    agents=(
        Agent(
            "planner",
            "Planner",
            models=((OPUS, 0.7), (SONNET, 0.3)),
            demand=Demand(9, triggers=("chat", "ticket"), turns=1.8),
            effort=Effort(95, 1800, 0.7, 400, 22000, 1800, 0.6, 0.62, 0.12, llm_calls=6, tool_calls=4),
            reliability=Reliability(0.05, 0.02, modes=(_CONTEXT, _RATE_LIMIT, _BAD_OUTPUT)),
            reporting=Reporting(given_ids=True, traced=True),
            handover=Handover((("coder", 1.3), ("researcher", 0.6)), 0.45, 0.4, 0.16, 0.84),
            releases=(_always("1.8"), Release("2.0", timedelta(days=9), timedelta(days=2), 0.68, 0.6)),
        ),
        Agent(
            "coder",
            "Coder",
            models=((SONNET, 0.85), (OPUS, 0.15)),
            demand=Demand(5, triggers=("chat", "pull_request"), turns=1.5),
            effort=Effort(210, 3600, 0.8, 0, 60000, 5200, 0.8, 0.78, 0.08, 0.2, 18, 22, 4),
            reliability=Reliability(
                0.09,
                0.03,
                recovered=0.12,
                modes=(
                    _tool("TestsFailed", "3 of 214 tests failed after the last edit", 2),
                    _tool("PatchRejected", "patch does not apply: context differs at line 118"),
                    _CONTEXT,
                ),
            ),
            reporting=Reporting(traced=True),
            handover=Handover((("reviewer", 0.5),), 0.3, 0.5, 0.1, 0.76),
            releases=(_always("3.2"),),
            tags=(("team", "platform"),),
        ),
        Agent(
            "reviewer",
            "Code Reviewer",
            models=((GPT, 1.0),),
            demand=Demand(4, Rhythm.OFFICE, ("pull_request",), staging_share=0.02),
            effort=Effort(42, 600, 0.5, 900, 18000, 900, 0.6, 0.3, 0, 0.5, 2, 5),
            reliability=Reliability(0.025, modes=(_RATE_LIMIT, _tool("DiffTooLarge", "diff of 2.4 MB skipped"))),
            reporting=Reporting(traced=True),
            handover=Handover(handed_off=0.2, iterated=0.2, feedback=0.05, satisfaction=0.7),
            releases=(_always("1.4"),),
        ),
        Agent(
            "researcher",
            "Research Assistant",
            models=((GEMINI_PRO, 1.0),),
            demand=Demand(4, triggers=("chat", "api"), turns=2.2),
            effort=Effort(150, 1500, 0.7, 0, 48000, 2600, 0.8, 0.2, 0, 0.35, 7, 12),
            reliability=Reliability(0.06, modes=(_tool("FetchFailed", "HTTP 403 from source"), _CONTEXT, _NETWORK)),
            reporting=Reporting(cost="inferred", price_version="2026-09"),
            handover=Handover(handed_off=0.35, iterated=0.3, feedback=0.14, satisfaction=0.8),
            releases=(_always("0.9"),),
        ),
        Agent(
            "nightly-tests",
            "Nightly Test Fixer",
            models=((HAIKU, 1.0),),
            demand=Demand(3, Rhythm.NIGHTLY, ("schedule",), growth_per_year=0.2, staging_share=0.5),
            effort=Effort(
                320,
                2400,
                0.5,
                4000,
                30000,
                2400,
                0.5,
                0.7,
                0.1,
                llm_calls=12,
                tool_calls=15,
                files_modified=2,
            ),
            reliability=Reliability(0.14, modes=(_tool("TestsFailed", "still red after 3 attempts", 3), _NETWORK)),
            pauses=(Pause(timedelta(days=17), timedelta(days=2), "test database moved"),),
            releases=(_always("2.5"),),
        ),
    ),
)

_GLOBEX = Workspace(
    "globex",
    utc_offset_hours=-5,
    users=2600,
    agents=(
        Agent(
            "support",
            "Customer Support",
            models=((GPT_MINI, 0.8), (GPT, 0.2)),
            demand=Demand(22, Rhythm.CUSTOMERS, ("chat", "email"), turns=2.6, growth_per_year=1.4),
            effort=Effort(7, 120, 0.6, 60, 5200, 320, 0.5, 0.55, 0, 0.25, 2, 1.6),
            reliability=Reliability(
                0.03,
                0.015,
                modes=(_RATE_LIMIT, _tool("OrderLookupFailed", "order service answered 502"), _BAD_OUTPUT),
            ),
            reporting=Reporting(given_ids=True, credits_per_usd=100),
            handover=Handover(handed_off=0.12, iterated=0.35, feedback=0.2, satisfaction=0.78),
            releases=(_always("5.1"), Release("5.2", timedelta(days=20), timedelta(days=3), 1.0, 0.85)),
        ),
        Agent(
            "triage",
            "Ticket Triage",
            models=((GEMINI_FLASH, 1.0),),
            demand=Demand(14, Rhythm.CUSTOMERS, ("webhook",), staging_share=0.03),
            effort=Effort(1.6, 30, 0.4, 150, 1800, 90, 0.4, llm_calls=1),
            reliability=Reliability(0.012, retried=0.8, modes=(_BAD_OUTPUT, _NETWORK)),
            handover=Handover((("translator", 0.12),)),
            releases=(_always("1.1"),),
        ),
        Agent(
            "refunds",
            "Refund Desk",
            models=((SONNET, 1.0),),
            demand=Demand(3, Rhythm.CUSTOMERS, ("chat", "api"), turns=1.4),
            effort=Effort(18, 240, 0.5, 0, 9000, 700, 0.5, 0.5, 0.15, llm_calls=4, tool_calls=5),
            reliability=Reliability(
                0.05,
                unknown=0.02,
                modes=(_tool("PaymentDeclined", "payment gateway: insufficient rights"), _BAD_OUTPUT),
            ),
            reporting=Reporting(credits_per_usd=100, duration_known=0.93),
            handover=Handover(handed_off=0.5, iterated=0.2, feedback=0.12, satisfaction=0.66),
            releases=(_always("2.2"), Release("2.3", timedelta(days=5), timedelta(days=1), 1.25, 2.2)),
        ),
        Agent(
            "translator",
            "Translator",
            models=((MISTRAL, 1.0),),
            demand=Demand(2, Rhythm.MACHINES, ("api", "queue")),
            effort=Effort(3.5, 60, 0.5, 40, 1400, 1300, 0.8, llm_calls=1),
            reliability=Reliability(0.01, modes=(_NETWORK, _BAD_OUTPUT)),
            reporting=Reporting(tokens_known=0.9, label=False),
            releases=(_always("1.0"),),
        ),
        Agent(
            "churn-scout",
            "Churn Scout",
            models=((DEEPSEEK, 1.0),),
            demand=Demand(3, Rhythm.NIGHTLY, ("schedule",), joined_before_end=timedelta(days=12)),
            effort=Effort(26, 300, 0.6, 2000, 12000, 500, 0.5, 0.35, llm_calls=3, tool_calls=3),
            reliability=Reliability(0.07, modes=(_tool("WarehouseTimeout", "query cancelled after 60 s"), _CONTEXT)),
            releases=(_always("0.3"),),
            tags=(("team", "growth"), ("stage", "pilot")),
        ),
    ),
)

_INITECH = Workspace(
    "initech",
    utc_offset_hours=9,
    users=60,
    agents=(
        Agent(
            "invoice-reader",
            "Invoice Reader",
            models=((GEMINI_FLASH, 0.6), (LLAMA, 0.4)),
            demand=Demand(9, Rhythm.MACHINES, ("queue", "email"), growth_per_year=0.3),
            effort=Effort(11, 180, 0.5, 2500, 6500, 450, 0.4, llm_calls=2, tool_calls=1),
            reliability=Reliability(
                0.04, retried=0.7, modes=(_tool("UnreadableScan", "page 2: no text found"), _BAD_OUTPUT)
            ),
            handover=Handover((("ledger", 0.4),)),
            releases=(_always("4.0"),),
        ),
        Agent(
            "ledger",
            "Ledger Clerk",
            models=((LLAMA, 1.0),),
            demand=Demand(1, Rhythm.OFFICE, ("api",)),
            effort=Effort(5, 90, 0.5, 0, 3000, 260, 0.4, llm_calls=2, tool_calls=2),
            reliability=Reliability(0.02, modes=(_tool("BookingConflict", "period is closed"), _NETWORK)),
            reporting=Reporting(cost="unknown", tokens_known=0.7),
            releases=(_always("1.6"),),
        ),
        Agent(
            "contract-counsel",
            "Contract Counsel",
            models=((OPUS, 1.0),),
            demand=Demand(1.5, Rhythm.OFFICE, ("chat",), turns=1.6, staging_share=0.0),
            effort=Effort(480, 3000, 0.7, 0, 90000, 7500, 0.6, 0.45, 0.3, llm_calls=9, tool_calls=6, files_modified=1),
            reliability=Reliability(0.05, 0.04, modes=(_CONTEXT, _RATE_LIMIT)),
            reporting=Reporting(given_ids=True),
            handover=Handover(handed_off=0.8, iterated=0.55, feedback=0.3, satisfaction=0.88),
            releases=(_always("1.2"),),
        ),
        Agent(
            "data-steward",
            "Data Steward",
            models=((DEEPSEEK, 0.5), (GPT_MINI, 0.5)),
            demand=Demand(2.5, Rhythm.MACHINES, ("schedule", "api")),
            effort=Effort(64, 900, 0.9, 0, 15000, 1100, 0.9, 0.4, llm_calls=5, tool_calls=8),
            reliability=Reliability(0.06, modes=(_tool("SchemaDrift", "column amount_net is gone"), _NETWORK)),
            reporting=Reporting(duration_known=0.85),
            pauses=(Pause(timedelta(days=6), timedelta(hours=30), "cost ceiling reached"),),
            releases=(_always("0.7"),),
        ),
    ),
)

DEFAULT_FLEET = Fleet(
    workspaces=(_ACME, _GLOBEX, _INITECH),
    outages=(Outage("openai", 3, 14, timedelta(hours=3)),),
)
