from tests.models.fixtures import chat, chat_folder, plain, plain_folder, stories, wide_folder, wide_nf4  # noqa: F401
