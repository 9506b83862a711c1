"""The notes in Django REST framework, with the same sessions as the methods."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListCreateAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.serializers import BaseSerializer, ModelSerializer

from example_project.notes.methods import MAX_NOTES
from example_project.notes.models import Note
from toto_django.drf import TotoAuthentication, TotoCookieAuthentication, TotoThrottle


class NoteSerializer(ModelSerializer[Note]):
    class Meta:
        model = Note
        fields = ("id", "text", "created", "updated")


class Notes(ListCreateAPIView[Note]):
    """The notes of whoever is logged in: on the start page, by the cookie, or by the headers of a call."""

    authentication_classes: ClassVar[list[Any]] = [TotoCookieAuthentication, TotoAuthentication]
    permission_classes: ClassVar[list[Any]] = [IsAuthenticated]
    throttle_classes: ClassVar[list[Any]] = [TotoThrottle]
    throttle_scope = "notes"
    serializer_class = NoteSerializer

    def get_queryset(self) -> QuerySet[Note]:
        return Note.objects.filter(owner=self.request.user.pk)

    def perform_create(self, serializer: BaseSerializer[Note]) -> None:
        if self.get_queryset().count() >= MAX_NOTES:
            raise ValidationError(f"An account has {MAX_NOTES} notes at most.")
        serializer.save(owner=self.request.user)
