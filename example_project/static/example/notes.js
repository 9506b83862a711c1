// The list of notes.

import { attempt, onSubmit, say } from "./forms.js";

const section = document.querySelector("#notes");
const list = document.querySelector("#note-list");
const template = document.querySelector("#note-template");
const addForm = document.querySelector("#add-note");
const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

/** Make the section work on a service. */
export function start(service) {
  onSubmit(addForm, async () => {
    const note = await service.call("notes.add", { text: addForm.elements.text.value });
    addForm.reset();
    list.prepend(element(service, note));
    say(section, "Note added.");
  });
}

/** Show these notes; none when nobody is logged in. */
export function show(service, notes) {
  section.querySelector("#notebook").hidden = !service.userId;
  section.querySelector("#notes-hint").hidden = Boolean(service.userId);
  list.replaceChildren(...notes.map((note) => element(service, note)));
  if (!service.userId) addForm.reset();
}

function element(service, note) {
  const item = template.content.firstElementChild.cloneNode(true);
  const part = (selector) => item.querySelector(selector);
  fill(item, note);

  const setEditing = (isEditing) => {
    part("form").hidden = !isEditing;
    for (const selector of [".text", ".row"]) part(selector).hidden = isEditing;
    part(isEditing ? "textarea" : ".edit").focus();
  };
  part(".edit").addEventListener("click", () => {
    part("textarea").value = note.text;
    setEditing(true);
  });
  part(".cancel").addEventListener("click", () => setEditing(false));
  onSubmit(part("form"), async () => {
    note = await service.call("notes.edit", { id: note.id, text: part("textarea").value });
    fill(item, note);
    setEditing(false);
    say(section, "Note saved.");
  });
  part(".delete").addEventListener("click", () =>
    attempt(item, async () => {
      await service.call("notes.delete", { id: note.id });
      item.remove();
      section.querySelector("h2").focus();
      say(section, "Note deleted.");
    }),
  );
  return item;
}

function fill(item, note) {
  const summary = note.text.length > 40 ? `${note.text.slice(0, 40)}…` : note.text;
  item.querySelector(".text").textContent = note.text;
  item.querySelector("time").dateTime = note.updated;
  item.querySelector("time").textContent = time.format(new Date(note.updated));
  item.querySelector(".edit").setAttribute("aria-label", `Edit note: ${summary}`);
  item.querySelector(".delete").setAttribute("aria-label", `Delete note: ${summary}`);
}
