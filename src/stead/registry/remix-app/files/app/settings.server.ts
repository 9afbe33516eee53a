/** Where the data lie. */

import { readFile } from "node:fs/promises";
import { type Earthquake, InputError, parseEarthquakes } from "./earthquakes";

export const notesFile = () => process.env.NOTES_FILE || "notes.jsonl";
export const dataFile = () => process.env.DATA_FILE || "data/earthquakes.json";

/** Reads the earthquakes that are shown. Throws InputError. */
export async function readEarthquakes(): Promise<Earthquake[]> {
  const file = dataFile();
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw new InputError(`${file}: ${(error as Error).message}. Expected: DATA_FILE names a JSON file.`);
  }
  return parseEarthquakes(text);
}
