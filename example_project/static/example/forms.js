// What all forms of the page share: they submit once at a time and say what came of it.

const busy = new WeakSet();

/** Tell something in the status line of an element's section. */
export function say(element, text, isError = false) {
  const line = element.closest("section").querySelector(".message");
  line.textContent = text;
  line.classList.toggle("error", isError);
}

/** Run an action of an element, unless one is running; its failure is told in the section's status line. */
export async function attempt(element, action) {
  if (busy.has(element)) return;
  busy.add(element);
  const section = element.closest("section");
  say(section, "");
  try {
    await action();
  } catch (error) {
    say(section, error.code ? `${error.message} (error ${error.code})` : error.message, true);
  } finally {
    busy.delete(element);
  }
}

/** The action is given the value of the button that was pressed. */
export function onSubmit(form, action) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(form, () => action(event.submitter?.value));
  });
}
