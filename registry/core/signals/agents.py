"""The product tokens of crawlers that collect for AI, as data with a version.

A refusal to any of them counts as one to every lab, unless the lab asks otherwise. A new edition is a new version,
named in the evidence.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = "ai-agents.2026-11"

TOKENS: Final = (
    *("GPTBot", "OAI-SearchBot", "ChatGPT-User"),
    *("Google-Extended", "Google-CloudVertexBot", "GoogleOther", "GoogleOther-Image", "GoogleOther-Video"),
    *("ClaudeBot", "Claude-User", "Claude-SearchBot", "Claude-Web", "anthropic-ai"),
    *("CCBot", "PerplexityBot", "Perplexity-User", "Applebot-Extended", "Bytespider", "TikTokSpider"),
    *("Meta-ExternalAgent", "Meta-ExternalFetcher", "FacebookBot", "Amazonbot", "DuckAssistBot"),
    *("cohere-ai", "cohere-training-data-crawler", "MistralAI-User", "DeepSeekBot", "xAI-Bot", "GrokBot"),
    *("Diffbot", "ImagesiftBot", "Omgili", "Omgilibot", "Timpibot", "AI2Bot", "AI2Bot-Dolma"),
    *("img2dataset", "Webzio-Extended", "PanguBot", "PetalBot", "YouBot", "Kangaroo Bot", "Cotoyogi"),
    *("SBIntuitionsBot", "VelenPublicWebCrawler", "FriendlyCrawler", "ISSCyberRiskCrawler"),
)
"""As their operators write them."""

AI_AGENTS: Final = frozenset(token.lower() for token in TOKENS)
"""As they are compared."""
