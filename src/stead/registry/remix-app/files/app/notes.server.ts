/** Notes on earthquakes, kept in a file of JSON lines: only ever appended to. */

import { appendFile, readFile } from "node:fs/promises";
import { InputError } from "./earthquakes";

export interface Note {
  id: string;
  text: string;
  /** ISO 8601, UTC. */
  written: string;
}

const LONGEST = 500;
export const EXPECTED_NOTE = `Expected: id (of an earthquake that is known) and text (1 to ${LONGEST} characters).`;

/** Checks what a form sends. Throws InputError. */
export function parseNote(form: FormData, known: ReadonlySet<string>, now: Date): Note {
  const id = form.get("id");
  const text = form.get("text");
  if (typeof id !== "string" || !known.has(id)) {
    throw new InputError(`There is no such earthquake. ${EXPECTED_NOTE}`);
  }
  const trimmed = typeof text === "string" ? text.trim() : "";
  if (trimmed === "" || trimmed.length > LONGEST) {
    throw new InputError(`The text has ${trimmed.length} characters. ${EXPECTED_NOTE}`);
  }
  return { id, text: trimmed, written: now.toISOString() };
}

/** Keeps a note. A line is written at once, so that two writers do not mix theirs. */
export async function keepNote(file: string, note: Note): Promise<void> {
  await appendFile(file, `${JSON.stringify(note)}\n`);
}

/** Gives the notes by the earthquake's id, in the order they were written. */
export async function readNotes(file: string): Promise<Record<string, Note[]>> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
  const found: Record<string, Note[]> = {};
  for (const line of text.split("\n")) {
    let note: Note;
    try {
      note = JSON.parse(line) as Note;
    } catch {
      continue; // the end of a write that was cut
    }
    (found[note.id] ??= []).push(note);
  }
  return found;
}
