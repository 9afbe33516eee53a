import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { InputError } from "../app/earthquakes";
import { EXPECTED_NOTE, keepNote, parseNote, readNotes } from "../app/notes.server";

const NOW = new Date("2024-02-29T12:00:00Z");
const KNOWN = new Set(["a", "b"]);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "notes-"));
});
afterAll(() => rm(directory, { recursive: true }));

const form = (fields: Record<string, string>) => {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) made.set(name, value);
  return made;
};

test("a note is what the form says, trimmed, with its time", () => {
  const note = { id: "a", text: "felt it", written: NOW.toISOString() };
  expect(parseNote(form({ id: "a", text: " felt it\n" }), KNOWN, NOW)).toEqual(note);
});

test.each([
  [{}],
  [{ id: "c", text: "x" }],
  [{ id: "a" }],
  [{ id: "a", text: "  " }],
  [{ id: "a", text: "x".repeat(501) }],
])("%j is refused with one error that names the fields", (fields: Record<string, string>) => {
  expect(() => parseNote(form(fields), KNOWN, NOW)).toThrow(InputError);
  expect(() => parseNote(form(fields), KNOWN, NOW)).toThrow(EXPECTED_NOTE);
  expect(EXPECTED_NOTE).toContain("text (1 to 500 characters)");
});

test("the longest text is kept", () => {
  expect(parseNote(form({ id: "a", text: "x".repeat(500) }), KNOWN, NOW).text).toHaveLength(500);
});

test("notes are kept in order, whatever they hold", async () => {
  const file = join(directory, "kept.jsonl");
  expect(await readNotes(file)).toEqual({});
  const [one, two, other] = [["a", 'line\n"quoted"'], ["a", "ü"], ["b", "</script>"]].map(
    ([id, text]) => ({ id: id!, text: text!, written: NOW.toISOString() }),
  );
  for (const note of [one!, other!, two!]) await keepNote(file, note);
  expect(await readNotes(file)).toEqual({ a: [one, two], b: [other] });
});

test("a write that was cut costs that note alone", async () => {
  const file = join(directory, "cut.jsonl");
  const note = { id: "a", text: "x", written: NOW.toISOString() };
  await keepNote(file, note);
  await appendFile(file, '{"id":"a","te');
  expect(await readNotes(file)).toEqual({ a: [note] });
});
