"""Notes in the admin."""

from django.contrib import admin

from example_project.notes.models import Note


@admin.register(Note)
class NoteAdmin(admin.ModelAdmin):
    list_display = ("__str__", "owner", "created", "updated")
    list_filter = ("updated",)
    list_select_related = ("owner",)
    raw_id_fields = ("owner",)
    readonly_fields = ("created", "updated")
    search_fields = ("text", "owner__user_id")
