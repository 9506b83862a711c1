"""Messages in the admin."""

from django.contrib import admin

from example_project.chat.models import Message


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    list_display = ("__str__", "room", "author", "created")
    list_filter = ("room", "created")
    list_select_related = ("author",)
    ordering = ("-pk",)
    raw_id_fields = ("author",)
    readonly_fields = ("created",)
    search_fields = ("text", "room", "author__user_id")
