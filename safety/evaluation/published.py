"""What others have published about the same benchmarks; only figures that were read in the source itself."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """A line as its authors state it."""

    benchmark: str
    system: str
    figure: str
    source: str


LLAMA_GUARD = "Llama Guard model card (meta-llama/PurpleLlama)"
SHIELD_GEMMA = "ShieldGemma model card"
XSTEST = "counted from the GPT-4 labels in the benchmark's repository (paul-rottger/exaggerated-safety)"

PUBLISHED = (
    Published("openai_moderation_1680", "OpenAI moderation API", "AUPRC 0.856", LLAMA_GUARD),
    Published("openai_moderation_1680", "Llama Guard 7B", "AUPRC 0.847", LLAMA_GUARD),
    Published("openai_moderation_1680", "Perspective API", "AUPRC 0.787", LLAMA_GUARD),
    Published("openai_moderation_1680", "ShieldGemma 2B / 9B / 27B", "AUPRC 0.887 / 0.907 / 0.886", SHIELD_GEMMA),
    Published("xstest", "GPT-4, refusals", "safe 6.4 %, unsafe 88 %", XSTEST),
    Published("xstest", "Llama 2, original system prompt, refusals", "safe 30.4 %, unsafe 85 %", XSTEST),
    Published("xstest", "Llama 2, new system prompt, refusals", "safe 12.4 %, unsafe 72.5 %", XSTEST),
    Published("xstest", "Mistral with guard prompt, refusals", "safe 9.2 %, unsafe 67.5 %", XSTEST),
    Published("xstest", "Mistral Instruct, refusals", "safe 0 %, unsafe 26.5 %", XSTEST),
)
