from tests.models.fixtures import chat, chat_folder, plain, plain_folder, stories  # noqa: F401
