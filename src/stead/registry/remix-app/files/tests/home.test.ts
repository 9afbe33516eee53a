import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { action, loader } from "../app/routes/home";
import { loader as health } from "../app/routes/health";
import { dataFile, notesFile, readEarthquakes } from "../app/settings.server";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "home-"));
  process.env.NOTES_FILE = join(directory, "notes.jsonl");
});
afterEach(async () => {
  delete process.env.DATA_FILE;
  delete process.env.NOTES_FILE;
  await rm(directory, { recursive: true });
});

const load = (query: string) => loader({ request: new Request(`http://x/${query}`) });
const send = (fields: Record<string, string>) =>
  action({ request: new Request("http://x/?index", { method: "POST", body: new URLSearchParams(fields) }) });

test("the data that come with it are shown", async () => {
  const found = await load("?least=6&order=magnitude");
  expect(found.total).toBe(128);
  expect(found.shown.map((one) => one.magnitude)).toEqual([6.4, 6.1, 6.1, 6, 6]);
  expect(found.query).toEqual({ least: 6, order: "magnitude" });
  expect(found.notes).toEqual({});
});

test("a note is kept and shown", async () => {
  const id = (await load("")).shown[0]!.id;
  const answer = await send({ id, text: "felt it" });
  expect(answer.init?.status).toBe(201);
  expect(answer.data.error).toBeNull();
  expect((await load("")).notes[id]).toMatchObject([{ id, text: "felt it" }]);
});

test("what cannot be used is answered with 400 and what is expected", async () => {
  await expect(load("?least=x")).rejects.toMatchObject({
    data: expect.stringContaining("Expected: least (a magnitude"),
    init: { status: 400 },
  });
  const answer = await send({ id: "nothing", text: "x" });
  expect(answer.init?.status).toBe(400);
  expect(answer.data.error).toContain("Expected: id (of an earthquake that is known)");
});

test("other data can be shown", async () => {
  process.env.DATA_FILE = join(directory, "mine.json");
  await expect(readEarthquakes()).rejects.toThrow("Expected: DATA_FILE names a JSON file.");
  await expect(load("")).rejects.toMatchObject({ init: { status: 400 } });
  expect((await health()).status).toBe(503);
  const one = { id: "a", time: "2024-01-01T00:00:00.000Z", place: "Here", magnitude: 5, depth: 1, latitude: 0, longitude: 0 };
  await writeFile(process.env.DATA_FILE, JSON.stringify([one]));
  expect((await load("")).shown).toEqual([one]);
  expect(await (await health()).json()).toEqual({ status: "ok", earthquakes: 1 });
});

test("where the data lie has defaults", () => {
  delete process.env.NOTES_FILE;
  expect([dataFile(), notesFile()]).toEqual(["data/earthquakes.json", "notes.jsonl"]);
});
