"""A chat: messages in the database, news by long-poll or web socket."""
