"""Looks for secrets, by their shapes, in all that git knows or would take in. Exits with 1 on one that is not known.

Known ones (addresses with a password in tests and documents) stand in .ci/known_secrets.json, by file and
hash: `--know` writes it anew. A line that only looks like a secret may say `pragma: allowlist secret`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

ROOT: Final = Path(__file__).parents[1]
KNOWN: Final = ROOT / ".ci/known_secrets.json"
# Shapes that are a secret and nothing else: what only has much entropy is a hash or an id here.
DETECTORS: Final = (
    *("ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector", "CloudantDetector"),
    *("DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector", "IbmCloudIamDetector", "NpmDetector"),
    *("JwtTokenDetector", "MailchimpDetector", "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector"),
    *("SendGridDetector", "SlackDetector", "SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector"),
    "TwilioKeyDetector",
)
FILTERS: Final = (
    "detect_secrets.filters.allowlist.is_line_allowlisted",
    "detect_secrets.filters.heuristic.is_indirect_reference",
    "detect_secrets.filters.heuristic.is_templated_secret",
)
SKIPPED: Final = (".png", ".svg", ".lock", ".ico")


def files() -> list[str]:
    """What git knows, and what it would take in."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [name for name in names if not name.endswith(SKIPPED) and (ROOT / name).is_file()]


def found_in(names: list[str]) -> dict[str, tuple[str, int]]:
    """`file: hash` of each secret -> what it is, and its line."""
    settings = {
        "plugins_used": [{"name": name} for name in DETECTORS],
        "filters_used": [{"path": path} for path in FILTERS],
    }
    with transient_settings(settings):
        secrets = SecretsCollection(root=str(ROOT))
        for name in names:
            secrets.scan_file(name)
    return {f"{name}: {one.secret_hash}": (one.type, one.line_number) for name, one in secrets}


def main() -> int:
    found = found_in(files())
    if sys.argv[1:] == ["--know"]:
        KNOWN.write_text(json.dumps(sorted(found), indent=2) + "\n")
    known = set(json.loads(KNOWN.read_text()))
    new = [f"{key.partition(': ')[0]}:{line}: {kind}" for key, (kind, line) in found.items() if key not in known]
    for line in new or ["none that is not known"]:
        sys.stdout.write(f"secrets: {line}\n")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
