"""Azure OpenAI as a second provider, for the tests of what uses the chosen one."""

from pytest_django.fixtures import Settings

AZURE_KEY = "azure-key-0123456789abcdef"
AZURE_URL = "https://azure.test/openai/v1"
DEPLOYMENTS = {
    "voice-eu": "gpt-realtime-2.1",
    "mini-eu": "gpt-realtime-2.1-mini",
    "words-eu": "gpt-transcribe",
    "chat-eu": "gpt-5.6-luna",
}


def configure_azure(settings: Settings) -> None:
    """Azure can be chosen; OpenAI stays the default provider."""
    settings.OPENAI_API_KEY = "sk-test-0123456789abcdef"
    settings.AZURE_OPENAI_API_KEY, settings.AZURE_OPENAI_BASE_URL = AZURE_KEY, AZURE_URL
    settings.AZURE_REALTIME_MODEL = "voice-eu"
    settings.AZURE_TRANSCRIPTION_MODEL = "words-eu"
    settings.AZURE_CHAT_MODEL = "chat-eu"
    settings.AZURE_DEPLOYMENTS = DEPLOYMENTS
